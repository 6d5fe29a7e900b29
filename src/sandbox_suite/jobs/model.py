"""A job: a requested operation, its states and steps. Pure."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

# Groups run one after the other, the lanes of a group side by side, a lane's steps one after the other: no lane needs
# what another one makes, but for the plugin's role, which `load` waits for before it grants. A report is told from what
# `collect` fetched, so the sandbox may go meanwhile.
GROUPS = (
    (("admit",),),
    (("dataset",),),
    (("provision",),),
    (("deploy",), ("load",)),
    (("verify",), ("regress", "collect")),
    (("report",), ("destroy",)),
)
STEPS = tuple(step for group in GROUPS for lane in group for step in lane)
SIDE_BY_SIDE = frozenset(step for group in GROUPS if len(group) > 1 for lane in group for step in lane)


class State(StrEnum):
    """Where a job stands. `docs/reference/jobs.md` shows the moves as a table."""

    QUEUED = "queued"  # waits for its tenant's quota and this machine's capacity
    RUNNING = "running"  # admitted: its steps run, or will when a worker starts again
    KEPT = "kept"  # every step ended; the sandbox is left until its lease ends
    DONE = "done"  # ended with a verdict; nothing is left but the job's folder
    BLOCKED = "blocked"  # the masking gate blocked the dataset; nothing was provisioned
    REFUSED = "refused"  # the request was wrong; nothing was provisioned
    FAILED = "failed"  # the infrastructure or the program failed; rolled back, unless asked to keep
    CANCELLED = "cancelled"  # cancelled and rolled back


MOVES: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.CANCELLED}),
    State.RUNNING: frozenset(
        # queued: its machine was lost
        {State.KEPT, State.DONE, State.BLOCKED, State.REFUSED, State.FAILED, State.CANCELLED, State.QUEUED},
    ),
    State.KEPT: frozenset({State.QUEUED, State.RUNNING, State.DONE, State.FAILED, State.CANCELLED}),
    State.FAILED: frozenset({State.QUEUED, State.RUNNING, State.FAILED, State.CANCELLED}),
    # running: to destroy what they left behind
    State.DONE: frozenset({State.QUEUED, State.RUNNING}),
    State.BLOCKED: frozenset({State.QUEUED, State.RUNNING}),
    State.REFUSED: frozenset({State.QUEUED, State.RUNNING}),
    State.CANCELLED: frozenset({State.QUEUED, State.RUNNING}),
}
ENDED = frozenset({State.KEPT, State.DONE, State.BLOCKED, State.REFUSED, State.FAILED, State.CANCELLED})
VERDICT_EXIT = {"passed": 0, "regressed": 1, "incomplete": 1, "blocked": 3}


@dataclass(frozen=True)
class Request:
    """What was asked. References are as typed; `thresholds` are `NAME=VALUE`."""

    plan: str
    tenant: str
    actor: str
    plugin: str = ""  # empty: the plan's
    dataset: str = ""  # empty: the plan's
    thresholds: tuple[str, ...] = ()
    keep: bool = False
    reason: str = ""
    priority: str = "normal"  # or "urgent": before all that is not, within its tenant's quota
    wait_at_most: float | None = None  # seconds in the queue, then it gives up; None: for ever
    environment: dict[str, str] = field(
        default_factory=dict
    )  # SANDBOX_* of the caller: what its steps see, whoever runs them

    def as_dict(self) -> dict[str, Any]:
        """Return the request as JSON keeps it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> "Request":
        """Read a request back."""
        return cls(**{**value, "thresholds": tuple(value["thresholds"])})


@dataclass(frozen=True)
class Job:
    """A row of the job table. Times are ISO 8601 in UTC; empty where the moment has not come."""

    seq: int
    id: str
    tenant: str
    plan: str
    request: Request
    state: State
    machine: str
    cancel: str  # "", "cancel" or "destroy": what was asked for while it lives
    created_at: str
    admitted_at: str
    ended_at: str
    expires_at: str  # of the lease; empty without a sandbox
    verdict: str
    exit_code: int | None
    error: dict[str, str] | None = field(default=None)
    priority: int = 0  # 1: urgent
    turn: int = 0  # order within its tenant's queue
    claim: int = 0  # grows with each admission: an older holder may not write any more
    pinned: str = ""  # the one machine that may run it; empty: any
    wait_until: str = ""  # it gives up waiting then; empty: never
    cpus: float = 0.0  # what it was admitted with
    memory_mb: int = 0
