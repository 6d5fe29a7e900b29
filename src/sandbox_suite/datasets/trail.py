"""Who asks something of the datasets, and the audit log of what was done to them: `<home>/datasets/audit.jsonl`."""

import getpass
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox_suite.audit import log
from sandbox_suite.audit.record import Draft, Record
from sandbox_suite.core.clock import Clock
from sandbox_suite.core.settings import Settings


@dataclass(frozen=True)
class Asker:
    """Who acts, and why; the job where it is one that asks."""

    actor: str
    reason: str = ""
    job: str = ""
    tenant: str = ""


def asker(settings: Settings, reason: str = "", actor: str = "") -> Asker:
    """Return who runs this process."""
    return Asker(actor or settings.actor or getpass.getuser(), reason)


def path(home: Path) -> Path:
    """Return the audit log of an installation's datasets."""
    return home / "datasets" / "audit.jsonl"


def record(
    home: Path,
    by: Asker,
    clock: Clock,
    *,
    action: str,
    target: str,
    outcome: str,
    details: dict[str, Any] | None = None,
) -> Record:
    """Append a record; it is on disk when this returns. `action` is `dataset.<verb>`, `target` a dataset version."""
    draft = Draft(by.job, by.tenant, by.actor, action, target, outcome, reason=by.reason, details=details or {})
    return log.append(path(home), draft, clock)
