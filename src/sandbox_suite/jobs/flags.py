"""Feature flags, asked for through OpenFeature; `config/flags.yaml` answers. OpenFeature is imported on first use."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from sandbox_suite.core import documents
from sandbox_suite.core.findings import Finding

REQUIRED = ("plugin-sandbox-suite", "sandbox-dataset-v2")
FILE = "flags.yaml"
_clients: dict[Path, Any] = {}


class Flag(BaseModel):
    """A flag: an actor's own value wins over its tenant's, and that over the default."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    default: bool
    tenants: dict[str, bool] = {}
    actors: dict[str, bool] = {}

    def value(self, actor: str, tenant: str) -> tuple[bool, str]:
        """Return the flag's value and which entry gave it."""
        if actor in self.actors:
            return self.actors[actor], f"actors.{actor}"
        if tenant in self.tenants:
            return self.tenants[tenant], f"tenants.{tenant}"
        return self.default, "default"


class Flags(BaseModel):
    """config/flags.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    flags: dict[str, bool | Flag]

    def flag(self, name: str) -> Flag | None:
        """Return a flag; None where the file does not name it."""
        found = self.flags.get(name)
        return Flag(default=found) if isinstance(found, bool) else found


def load(config: Path) -> Flags:
    """Return the flags; RequestError names every mistake. Without a file, no flag is known."""
    path = config / FILE
    return documents.load(path, Flags, "feature flags") if path.exists() else Flags(flags={})


def check(config: Path, actor: str, tenant: str, former: dict[str, bool] | None = None) -> list[Finding]:
    """Return the flags that must be on and are not; `former` wins: flags that still stand in access.yaml."""
    former = former or {}
    load(config)  # its mistakes are told; OpenFeature would take them for flags that are off
    return [
        Finding("error", f"feature flag `{name}` is off: set it in config/{place}", f"config/{place}", "flag-off")
        for name in REQUIRED
        for place in ("access.yaml" if name in former else FILE,)
        if not (former[name] if name in former else is_on(config, name, actor, tenant))
    ]


def is_on(config: Path, name: str, actor: str, tenant: str) -> bool:
    """Return a flag's value; an unknown one is off."""
    from openfeature.evaluation_context import EvaluationContext

    context = EvaluationContext(targeting_key=actor, attributes={"tenant": tenant})
    return bool(_client(config).get_boolean_value(name, False, context))


def _client(config: Path) -> Any:
    if config not in _clients:
        from openfeature import api

        from sandbox_suite.jobs.flags_provider import FileProvider

        api.set_provider_and_wait(FileProvider(config), domain=str(config))
        _clients[config] = api.get_client(domain=str(config))
    return _clients[config]
