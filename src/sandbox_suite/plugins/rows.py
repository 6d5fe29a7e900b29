"""What a plugin's package alone says of the host's security checklist. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sandbox_suite.core.findings import Finding
from sandbox_suite.plugins import check
from sandbox_suite.plugins.manifest import Manifest
from sandbox_suite.plugins.tree import Tree

HEADERS = (b"x-content-type-options", b"x-frame-options", b"content-security-policy", b"referrer-policy",
           b"strict-transport-security")  # fmt: skip
NAMED = 5


@dataclass(frozen=True)
class Static:
    """What is known of a row without running anything; `noted` is worth knowing and no proof."""

    row: str
    state: Literal["proved", "failed", "not checked", "noted"]
    says: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def of(described: Manifest, files: Tree) -> list[Static]:
    """Return what manifest and files say."""
    found = check.content(described, files)
    return [_secrets(found, files), *_declared(described), _headers(files)]


def _secrets(found: Sequence[Finding], files: Mapping[str, Any]) -> Static:
    certain = [item.place for item in found if item.id.startswith("plugin-secret") and item.severity == "error"]
    doubtful = [item.place for item in found if item.id.startswith("plugin-secret") and item.severity != "error"]
    if certain:
        return Static("S-03", "failed", f"hard-coded in {_listed(certain)}")
    if doubtful:
        return Static("S-03", "not checked", f"none is certain; look at {_listed(doubtful)}")
    return Static("S-03", "proved", f"none in the manifest and {len(files)} files")


def _declared(described: Manifest) -> Iterator[Static]:
    yield Static("S-02", "noted", "the manifest declares no outbound host")
    if described.permissions:
        resources = _listed([permission.resource for permission in described.permissions])
        yield Static("S-05", "noted", f"the manifest declares permissions on {resources}")
    if described.declares_health:
        yield Static("S-15", "noted", f"the manifest declares {described.health.http}")
    signs = "asks for" if described.signature.enabled else "does without"
    yield Static("S-11", "noted", f"the manifest {signs} signatures; the sandbox verifies one either way")


def _headers(files: Tree) -> Static:
    """Tell which headers the source names: a plugin that names none cannot send them by itself."""
    named = {header for item in files.values() for header in HEADERS if header in item.data[: 1 << 20].lower()}
    return Static("S-19", "noted", f"the source names {len(named)} of {len(HEADERS)} security headers")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
