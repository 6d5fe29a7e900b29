"""Baselines: accepted runs of one plan, plugin and class of machine, which later runs are held against.

All runs of a baseline had the same plugin (digest) and dataset (digest), so that what they differ in is noise.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import read_json, write_json

SCHEMA = "sandbox-suite/baseline/1"
MOST = 20  # runs, the newest


@dataclass(frozen=True)
class Run:
    """What one job measured: milliseconds of each case that passed, and every figure that could be taken."""

    job: str
    created_at: str  # ISO 8601, UTC
    cases: Mapping[str, float]
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Accepted:
    """Who made it the baseline, when and why. `at` is ISO 8601, UTC."""

    job: str
    actor: str
    at: str
    reason: str


@dataclass(frozen=True)
class Baseline:
    """The accepted runs of a plan, plugin and class of machine."""

    plan: str
    plugin: str
    version: str
    plugin_digest: str
    dataset: str  # name@version
    dataset_digest: str
    machine: str
    accepted: Accepted
    runs: tuple[Run, ...]

    @property
    def name(self) -> str:
        """Return what reports call it."""
        count = f"{len(self.runs)} run{'s' if len(self.runs) > 1 else ''}"
        return f"{self.plugin} {self.version}, {count}, accepted {self.accepted.at[:10]}"

    def without(self, job: str) -> "Baseline":
        """Return it without a job's own run: nothing is held against itself."""
        return replace(self, runs=tuple(run for run in self.runs if run.job != job))

    def figures(self, name: str) -> list[float]:
        """Return a figure of every run that has it."""
        return [run.figures[name] for run in self.runs if name in run.figures]

    def as_dict(self) -> dict[str, Any]:
        """Return the baseline as its file holds it."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_dict(cls, held: Mapping[str, Any]) -> "Baseline":
        """Read a baseline back; a RequestError says where it is none."""
        try:
            if held["schema"] != SCHEMA:
                raise ValueError(f"its schema is {held['schema']!r}")
            rest = {name: held[name] for name in (field.name for field in fields(cls))}
            return cls(
                **{**rest, "accepted": Accepted(**held["accepted"]), "runs": tuple(Run(**run) for run in held["runs"])}
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RequestError(
                f"a baseline cannot be read: {error}", remedy="accept a job again: `./invoke report.baseline --accept`"
            ) from error


def path(home: Path, plan: str, plugin: str, machine: str) -> Path:
    """Return where the baseline of a plan, plugin and class of machine stands."""
    return home.joinpath("baselines", *(re.sub(r"[^A-Za-z0-9._-]", "_", part) for part in (plan, plugin, machine)))


def load(home: Path, plan: str, plugin: str, machine: str) -> Baseline | None:
    """Return a baseline; None where nobody accepted one."""
    file = path(home, plan, plugin, machine) / "baseline.json"
    return Baseline.from_dict(read_json(file)) if file.exists() else None


def store(home: Path, baseline: Baseline) -> Path:
    """Write a baseline in the place of the one before, and return its file."""
    file = path(home, baseline.plan, baseline.plugin, baseline.machine) / "baseline.json"
    write_json(file, baseline.as_dict(), mode=0o600)
    return file


def all_of(home: Path) -> Sequence[Baseline]:
    """Return every baseline of an installation."""
    return [Baseline.from_dict(read_json(file)) for file in sorted(home.glob("baselines/*/*/*/baseline.json"))]
