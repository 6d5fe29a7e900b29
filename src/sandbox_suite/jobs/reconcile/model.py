"""A difference, and the facts it is judged from."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sandbox_suite.core.findings import Finding, Severity
from sandbox_suite.engine.inventory import Item
from sandbox_suite.jobs.model import Job
from sandbox_suite.jobs.ownership import Owner


class Mend(StrEnum):
    """How a difference is mended with `--apply`."""

    NO = ""  # by a person: the remedy says how
    DESTROY = "destroy"  # the job destroys what it left, its journal and audit tell it
    SWEEP = "sweep"  # by labels: no job accounts for it
    SECRETS = "secrets"  # of a job that has ended: the folder in memory goes
    LEASE = "lease"  # the row takes over what the labels say, which cannot be changed
    RECORD = "record"  # the audit record of a step's end is written from the journal
    BUILDER = "builder"  # the container of a killed build of a golden database goes
    MARK = "mark"  # the note that a golden volume is whole goes, for the volume is gone


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it is recorded. `id` stays the same between releases; `job` is empty outside of jobs."""

    severity: Severity
    id: str
    job: str
    message: str
    remedy: str
    mend: Mend = Mend.NO
    target: str = ""  # what to mend, where the job does not say it: a container, a file, `step#attempt`

    def as_dict(self) -> dict[str, Any]:
        """Return the difference as JSON shows it."""
        return {**asdict(self), "mend": str(self.mend), "mendable": bool(self.mend)}

    def __str__(self) -> str:
        return f"{self.severity}: {self.job or 'golden databases'}: {self.message} [{self.id}]"


@dataclass(frozen=True)
class StepEnd:
    """The end of an attempt at a step, as journal and audit both tell it."""

    step: str
    attempt: int
    undo: bool

    def __str__(self) -> str:
        return f"{'undo ' if self.undo else ''}{self.step}#{self.attempt}"


@dataclass(frozen=True)
class JobFacts:
    """All that is known of one job: the row, what the engine holds, what is in its folders."""

    id: str
    row: Job | None  # None: the database does not know it
    owner: Owner  # of what the engine holds
    attended: bool  # its machine has a living worker
    held: tuple[Item, ...]
    over: bool  # the lease, or what the labels say, has passed
    may_exist: bool  # the journal: a sandbox was begun, and not removed since
    ended: dict[StepEnd, str]  # the journal: ends of steps -> outcome
    recorded: frozenset[StepEnd]  # the same in the audit log
    folder: bool
    stack: bool  # the stack's folder is there
    secrets: bool  # its folder in memory is there
    report: tuple[Finding, ...]  # what is wrong with its files
    verdict: str  # in the report; empty without one
    audit: tuple[Finding, ...]  # what is wrong with the chain


@dataclass(frozen=True)
class GoldenFacts:
    """What is there of golden databases besides whole ones."""

    builders: tuple[str, ...] = ()  # containers of builds whose process is gone
    marks: tuple[str, ...] = ()  # notes of whole volumes that are not there
    unused: tuple[str, ...] = ()  # golden images and volumes that no kept version and no job needs
