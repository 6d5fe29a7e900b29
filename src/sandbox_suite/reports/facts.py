"""What a report tells beside its cases: frozen values, each as report.json spells it. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Task:
    """An Ansible task of a step, on one part. Seconds."""

    task: str
    part: str
    seconds: float


@dataclass(frozen=True)
class Step:
    """A step of the job. Seconds; `started` counts from the job's start, None where it was not noted."""

    name: str
    outcome: str
    seconds: float
    started: float | None = None
    attempts: int = 1
    records: tuple[int, int] | None = None  # first and last audit record of the step
    tasks: tuple[Task, ...] = ()  # the slowest, in the order in which they ended


@dataclass(frozen=True)
class SuiteRun:
    """How a suite's script ended. None where the run did not note it."""

    name: str
    exit_code: int | None
    seconds: float | None


@dataclass(frozen=True)
class Place:
    """Where a case stands in its suite: its number from 1, and when it began, in seconds of the suite's run."""

    number: int
    of: int
    begins: float | None = None  # reckoned from the cases before it; None where they ran side by side


@dataclass(frozen=True)
class Statement:
    """A statement as `pg_stat_statements` counted it. Milliseconds."""

    role: str
    query: str
    calls: int
    rows: int
    total_ms: float
    mean_ms: float
    max_ms: float


@dataclass(frozen=True)
class Sample:
    """A look at a part while the regression ran. `at` is in seconds since its start; `cpu` in cores."""

    at: float
    cpu: float
    memory_bytes: int


@dataclass(frozen=True)
class Resource:
    """What a part used. `cpu_seconds` count from the container's start; None where the kernel keeps no counter."""

    part: str
    cpu_seconds: float | None = None
    memory_bytes: int | None = None
    memory_peak_bytes: int | None = None
    memory_limit_bytes: int | None = None
    processes: int | None = None
    samples: tuple[Sample, ...] = ()
    regression_cpu_seconds: float | None = None  # while the suites ran; None where nobody counted


@dataclass(frozen=True)
class Fact:
    """A fact of the environment as it was provisioned, and as it was found when everything had run."""

    part: str
    name: str
    before: str
    after: str | None  # None: nobody could look

    @property
    def same(self) -> bool | None:
        """Tell whether both agree; None where there is nothing to compare with."""
        return None if self.after is None or not self.before else self.before == self.after

    def as_dict(self) -> dict[str, Any]:
        """Return the fact as report.json holds it."""
        return {**asdict(self), "same": self.same}


@dataclass(frozen=True)
class Baseline:
    """What figures are shown against. `latency` has the keys of a report's; `resources`: part -> figure -> value."""

    name: str
    latency: Mapping[str, float] = field(default_factory=dict)
    resources: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the baseline as report.json holds it."""
        return {
            "name": self.name,
            "latency": dict(self.latency),
            "resources": {part: dict(of) for part, of in self.resources.items()},
        }
