"""The resource policies in force: the file as it stands, or its last good version while it is broken."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sandbox_suite.core import documents
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import identity, write_atomic
from sandbox_suite.core.findings import Finding
from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs.policies import PLACE, ResourcePolicies


@dataclass(frozen=True)
class InForce:
    """The rules, and what is wrong with the file that they are not of."""

    rules: ResourcePolicies
    findings: tuple[Finding, ...] = ()


_Stamp = tuple[int, int, int]
_seen: dict[Path, tuple[_Stamp | None, InForce]] = {}


def current(settings: Settings) -> InForce:
    """Return the rules in force; RequestError names every mistake where no good version was ever seen."""
    path = settings.config / PLACE
    stamp = _stamp(path)
    known = _seen.get(path)
    if known is None or known[0] != stamp or stamp is None:
        known = _seen[path] = (stamp, _read(path, settings.home))
    return known[1]


def _stamp(path: Path) -> _Stamp | None:
    try:
        return identity(path.stat())
    except OSError:
        return None


def _read(path: Path, home: Path) -> InForce:
    kept = home / "policies" / f"{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.yaml"
    mistakes, rules = documents.check(path, ResourcePolicies)
    if rules:
        _keep(path, kept)
        return InForce(rules)
    good = documents.check(kept, ResourcePolicies)[1] if kept.exists() else None
    if good is None:
        raise RequestError(
            "\n".join(f"{item.place}: {item.message}" for item in mistakes),
            remedy=f"correct the resource policies {path.name}",
        )
    message = "the last good version stays in force"
    return InForce(good, (*mistakes, Finding("warning", message, path.name, "policies-kept")))


def _keep(path: Path, kept: Path) -> None:
    text = path.read_bytes()
    if not kept.exists() or kept.read_bytes() != text:
        write_atomic(kept, text, mode=0o600)
