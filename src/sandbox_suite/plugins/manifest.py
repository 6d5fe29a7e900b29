"""The manifest of a plugin, `plugin.yaml`: known fields are checked, unknown ones are kept.

The fields are the host platform's (docs/reference/plugin-package.md lists them); real manifests carry many more.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator
from pydantic_core import PydanticCustomError

from sandbox_suite.core import documents
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.findings import Finding
from sandbox_suite.plugins import fields, versions
from sandbox_suite.plugins.expansion import expand

NAME = "plugin.yaml"
DYNAMIC_PORT = "__POWERX_DYNAMIC_PORT__"  # what real manifests write where the host allocates the port
DEFAULT_PORT = 8086

PluginId = Annotated[str, AfterValidator(fields.reverse_dns)]
Version = Annotated[str, BeforeValidator(fields.semantic_version)]
Seconds = Annotated[float, BeforeValidator(fields.seconds)]
UrlPath = Annotated[str, AfterValidator(fields.url_path)]
InnerPath = Annotated[str, AfterValidator(fields.inner_path)]
Entry = Annotated[str, AfterValidator(fields.entry)]
Environment = Annotated[dict[str, str], BeforeValidator(fields.environment)]
Arguments = Annotated[tuple[str, ...], BeforeValidator(fields.arguments)]
Sha256 = Annotated[str, AfterValidator(fields.sha256)]
# Spelled as it is written, so that a manifest survives being kept as JSON.
Constraint = Annotated[versions.Constraint, BeforeValidator(versions.parse), PlainSerializer(str)]


class Known(BaseModel):
    """A mapping whose known keys are checked; the others are kept as they are."""

    model_config = ConfigDict(extra="allow", frozen=True, arbitrary_types_allowed=True)


class Health(Known):
    """How the host asks whether the plugin is well."""

    http: UrlPath = "/healthz"
    interval: Seconds = 10.0
    timeout: Seconds = 3.0


class Runtime(Known):
    """How the plugin is started: one process, in the plugin's own directory."""

    kind: Literal["process"]
    entry: Entry  # a file of the package, or a command of the plugin image (python3, node)
    args: Arguments = ()
    env: Environment = Field(default_factory=dict)  # values may be ${NAME} and ${NAME:-default}
    health: Health | None = None
    needs_fork: bool = False  # True: started without the filter that forbids helper processes (S-14)


class Backend(Known):
    """The HTTP service behind the host's proxy."""

    entry: Entry | None = None
    port: int = Field(default=0, ge=0, le=65535)  # 0: the host allocates one and injects it
    health: UrlPath | None = None


class Endpoints(Known):
    """Where the plugin's API begins."""

    http_base_path: UrlPath = "/"


class Migrations(Known):
    """The command that brings the plugin's schema up to date; run before the plugin starts."""

    entry: Entry
    driver: str = "postgres"
    args: Arguments = ()
    workdir: InnerPath = "."
    once: bool = False  # True: not again when the same version is deployed again
    timeout: Seconds = 60.0


class Permission(Known):
    """A resource and what may be done with it."""

    resource: str = Field(min_length=1)
    actions: tuple[str, ...] = Field(min_length=1)


class Dependencies(Known):
    """Other plugins that must, or must not, be there."""

    requires: tuple[Constraint, ...] = ()
    conflicts: tuple[Constraint, ...] = ()


class Checksums(Known):
    """SHA-256 of the package's files; written by packing."""

    package_sha256: Sha256 = ""


class Signature(Known):
    """Whether the author wants signatures; the sandbox verifies them either way (S-11)."""

    enabled: bool = True


class Manifest(Known):
    """A plugin.yaml."""

    id: PluginId
    version: Version
    name: str = ""
    runtime: Runtime
    backend: Backend = Backend()
    endpoints: Endpoints = Endpoints()
    migrations: Migrations | None = None
    permissions: tuple[Permission, ...] = ()
    dependencies: Dependencies = Dependencies()
    checksums: Checksums = Checksums()
    signature: Signature = Signature()
    outbound: Any = None

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, content: Any) -> Any:
        """`dependencies:` with nothing after it is what people write for none."""
        return (
            {key: value for key, value in content.items() if value is not None}
            if isinstance(content, dict)
            else content
        )

    @model_validator(mode="after")
    def _no_way_out_yet(self) -> "Manifest":
        if self.outbound_hosts:
            raise PydanticCustomError(
                "outbound-not-built",
                "an outbound allow-list is declared, and a sandbox has no way to the outside yet (S-02): "
                "remove it to test the plugin without outside network",
            )
        return self

    @property
    def outbound_hosts(self) -> tuple[str, ...]:
        """The outbound allow-list (S-02): `outbound: [host, ...]` or `outbound: {allow: [host, ...]}`."""
        declared = self.outbound.get("allow") if isinstance(self.outbound, dict) else self.outbound
        return tuple(map(str, declared if isinstance(declared, list) else [declared] if declared else []))

    @property
    def command(self) -> list[str]:
        """What starts the plugin, to be run in its directory."""
        return [self.runtime.entry, *self.runtime.args]

    @property
    def migration_command(self) -> list[str]:
        """What migrates the plugin's schema, to be run in `migrations.workdir`; empty where there is nothing to do."""
        return [self.migrations.entry, *self.migrations.args] if self.migrations else []

    @property
    def declares_health(self) -> bool:
        """Whether the manifest says where health is asked for (S-15)."""
        return self.runtime.health is not None or self.backend.health is not None

    @property
    def health(self) -> Health:
        """How health is asked for; `backend.health` where `runtime.health` says nothing."""
        return self.runtime.health or Health(http=self.backend.health or "/healthz")

    @property
    def port(self) -> int:
        """The port to listen on: the declared one, else the one that sandboxes allocate."""
        return self.backend.port or DEFAULT_PORT

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of the plugin's processes: the manifest's values, expanded from `given`.

        `POWERX_*` names of `given` (database, tenant...) reach the plugin whether or not the manifest mentions them,
        and win; what else is given can only be referred to.
        """
        host = {name: value for name, value in given.items() if name.startswith("POWERX_")}
        known = {
            "POWERX_PLUGIN_ID": self.id,
            "POWERX_PLUGIN_VERSION": self.version,
            "POWERX_BIND_ADDR": f":{self.port}",
        }
        known |= given
        expanded = {name: expand(value, known) for name, value in self.runtime.env.items()}
        filled = {name: value.replace(DYNAMIC_PORT, str(self.port)) for name, value in expanded.items()}
        return {name: value for name, value in known.items() if name.startswith("POWERX_")} | filled | host


def load(folder: Path) -> Manifest:
    """Return the manifest of a plugin folder; a RequestError names every mistake with its line."""
    return documents.load(folder / NAME, Manifest, "plugin manifest")


def check(folder: Path) -> tuple[list[Finding], Manifest | None]:
    """Look at the manifest of a plugin folder."""
    return documents.check(folder / NAME, Manifest)


def parse(text: str) -> Manifest:
    """Return the manifest with this text; a RequestError names every mistake with its line."""
    found, manifest = documents.examine(text, NAME, Manifest)
    if manifest is None:
        raise RequestError(
            "\n".join(f"{item.place}: {item.message}" for item in found), remedy=f"correct the plugin manifest {NAME}"
        )
    return manifest
