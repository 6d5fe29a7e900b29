"""The sessions' holder as a job sees it: up while the worker lives, its incidents in the job's audit log."""

import threading
from pathlib import Path
from typing import Any

from filelock import FileLock

from sandbox_suite.audit import log
from sandbox_suite.core.clock import Clock
from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs import audit
from sandbox_suite.jobs.model import Request
from sandbox_suite.sessions import holder
from sandbox_suite.sessions.client import Client
from sandbox_suite.sessions.errors import SessionError

# what the holder records of a container -> action and outcome in the job's audit log
INCIDENTS = {"violation": ("session.violation", "failed"), "reopened": ("session.reopen", "ok")}
ACTIONS = {action for action, _ in INCIDENTS.values()}


class Holding:
    """Keeps the installation's holder up: one line stays open to it. For several threads."""

    def __init__(self, runtime: Path) -> None:
        self._runtime = runtime
        self._client: Client | None = None
        self._lock = threading.Lock()

    def look(self) -> None:
        """Start the holder where it does not run (any more); raise SessionError where that is not possible."""
        with self._lock:
            if self._client is None:
                self._client = Client(holder.ensure(self._runtime), "")
            try:
                self._client.stat()
            except SessionError:  # it ended since the last look: the client dials again, and starts another
                self._client.stat()

    def close(self) -> None:
        """Hang up: the holder ends by itself once nobody uses it."""
        with self._lock:
            if self._client:
                self._client.close()


def note_incidents(settings: Settings, job: str, request: Request, clock: Clock, step: str, attempt: int) -> int:
    """Copy what the holder recorded of the job's containers into its audit log, each once; return how many were new."""
    found = [record for record in holder.records(settings.runtime) if _concerns(record, job)]
    if not found:
        return 0
    with FileLock(settings.job(job) / "incidents.lock"):  # two steps may end at once
        return _note(settings, job, request, clock, step, attempt, found)


def _note(
    settings: Settings, job: str, request: Request, clock: Clock, step: str, attempt: int, found: list[dict[str, Any]]
) -> int:
    written = log.read(audit.path(settings.job(job)))
    noted = {_identity(record.details) for record in written if record.action in ACTIONS}
    fresh = [record for record in found if _identity(record) not in noted]
    for record in fresh:
        action, outcome = INCIDENTS[record["event"]]
        audit.record(
            settings,
            job,
            request,
            clock,
            action=action,
            target=record["container"],
            outcome=outcome,
            step=step,
            attempt=attempt,
            details=record,
        )
    return len(fresh)


def _concerns(record: dict[str, Any], job: str) -> bool:
    return record.get("event") in INCIDENTS and str(record.get("container", "")).startswith(f"sbx-{job}-")


def _identity(record: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(record.get(key) for key in ("at", "event", "container", "user"))
