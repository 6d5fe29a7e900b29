"""Audit records of the job itself (the Ansible callback writes those of its tasks)."""

from pathlib import Path
from typing import Any

from sandbox_suite.audit import log
from sandbox_suite.audit.record import Draft, Record
from sandbox_suite.core.clock import Clock
from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs.model import Request


def path(folder: Path) -> Path:
    """Return where a job's audit log stands."""
    return folder / "audit.jsonl"


def record(
    settings: Settings,
    job: str,
    request: Request,
    clock: Clock,
    *,
    action: str,
    target: str,
    outcome: str,
    step: str = "",
    attempt: int = 0,
    details: dict[str, Any] | None = None,
) -> Record:
    """Append a record to a job's chain; it is on disk when this returns."""
    draft = Draft(
        job=job,
        tenant=request.tenant,
        actor=request.actor,
        action=action,
        target=target,
        outcome=outcome,
        reason=request.reason,
        step=step,
        attempt=attempt,
        details=details or {},
    )
    return log.append(path(settings.job(job)), draft, clock)
