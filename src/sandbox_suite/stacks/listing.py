"""The stacks of an installation: what their state files say, beside what the engine holds. Starts no Pulumi."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox_suite.core.clock import iso
from sandbox_suite.stacks import state
from sandbox_suite.stacks.workspace import Workspace

if TYPE_CHECKING:
    from sandbox_suite.engine.inventory import Item


@dataclass(frozen=True)
class StackFacts:
    """One stack."""

    job: str
    stack: str
    resources: int  # in its state; the components and the stack itself count
    last: str  # operation and its result; empty before the first
    at: str  # when that began, ISO 8601, UTC
    running: int | None  # containers of the job at work; None where the engine does not answer
    subnet: str
    expires_at: str
    interrupted: bool  # a killed run left a lock or pending operations
    orphaned: bool = False  # the engine holds things of the job, and there is no stack

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as JSON can hold them."""
        return asdict(self)


def stacks(home: Path, held: Sequence["Item"] | None) -> list[StackFacts]:
    """Return each job's stack, and then each job without one of which the engine holds (`held`) something."""
    found = [_facts(Workspace(folder, folder.name, home, Path()), held) for folder in _folders(home)]
    known = {one.job for one in found}
    orphans = sorted({item.job for item in held or () if item.job not in known})
    return found + [_orphan(job, held or ()) for job in orphans]


def folder_of(home: Path, job: str) -> Path | None:
    """Return the folder of the job whose id is, or alone begins with, `job`, where it has a stack."""
    found = [folder for folder in _folders(home) if folder.name.startswith(job)]
    exact = [folder for folder in found if folder.name == job]
    return exact[0] if exact else found[0] if len(found) == 1 else None


def _folders(home: Path) -> list[Path]:
    return sorted(path.parent for path in (home / "jobs").glob("*/stack") if path.is_dir())


def _facts(workspace: Workspace, held: Sequence["Item"] | None) -> StackFacts:
    summary, deployment, spec = state.last_summary(workspace), state.latest(workspace), workspace.spec()
    return StackFacts(
        job=workspace.job,
        stack=workspace.stack,
        resources=len(deployment.get("resources") or []),
        last=f"{summary['kind']} {summary['result']}" if summary else "",
        at=_moment(summary.get("startTime")),
        running=None if held is None else _running(workspace.job, held),
        subnet=spec.subnet if spec else "",
        expires_at=spec.expires_at if spec else "",
        interrupted=bool(deployment.get("pending_operations")) or any(workspace.locks.glob("*.json")),
    )


def _orphan(job: str, held: Sequence["Item"]) -> StackFacts:
    own = [item for item in held if item.job == job]
    return StackFacts(
        job=job,
        stack=f"sandbox-{job}",
        resources=0,
        last="",
        at="",
        running=_running(job, held),
        subnet=next((item.subnet for item in own if item.subnet), ""),
        expires_at=own[0].expires_at,
        interrupted=False,
        orphaned=True,
    )


def _running(job: str, held: Sequence["Item"]) -> int:
    return sum(item.job == job and item.kind == "container" and item.state == "running" for item in held)


def _moment(seconds: float | None) -> str:
    import datetime

    return iso(datetime.datetime.fromtimestamp(seconds, datetime.UTC)) if seconds else ""
