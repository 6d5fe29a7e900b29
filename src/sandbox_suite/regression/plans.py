"""Test plans: what a regression runs, against which plugin and dataset, and how good it must be.

Plans live in `config/plugins/debug/data_suite.yaml`; the variable SANDBOX_SUITES_CONFIG names another file.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sandbox_suite.core import documents
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.settings import CHECKOUT

VARIABLE = "SANDBOX_SUITES_CONFIG"
DEFAULT_FILE = CHECKOUT / "config" / "plugins" / "debug" / "data_suite.yaml"

SHARES = ("pass_rate", "critical_coverage")
MINIMUMS = (*SHARES, "throughput_rps")
COUNTS = ("queries", "slow_queries")
RELATIVE = ("_rise", "_fall")

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Rise = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]  # a share: 0.1 is a tenth more, or less for `_fall`
Milliseconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
CaseId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+/\S.*$")]
Row = Annotated[str, Field(pattern=r"^S-(0[1-9]|1[0-9]|20)$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Table = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]


class _Document(BaseModel):
    """Frozen, and an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Thresholds(_Document):
    """What a run must reach; None: not asked.

    Shares are 0..1 and minimums, `throughput_rps` is a minimum, everything else a maximum; a unit is the end of a name.
    `_rise` and `_fall` are shares against the baseline: beyond them and its noise, the report advises.
    """

    pass_rate: Share = 0.95
    critical_coverage: Share = 0.95
    api_p50_ms: Milliseconds | None = None
    api_p95_ms: Milliseconds | None = None
    api_p99_ms: Milliseconds | None = None
    throughput_rps: Positive | None = None  # cases per second
    plugin_cpu_s: Positive | None = None
    plugin_memory_mib: Positive | None = None
    database_cpu_s: Positive | None = None
    database_memory_mib: Positive | None = None
    queries: Count | None = None  # the plugin's statements while the suites ran
    query_ms: Positive | None = None  # in all of them
    slow_queries: Count | None = None  # kinds of statements of which one took 100 ms or longer
    latency_rise: Rise | None = None  # all cases as pairs
    api_p50_rise: Rise | None = None
    api_p95_rise: Rise | None = None
    api_p99_rise: Rise | None = None
    throughput_fall: Rise | None = None
    plugin_cpu_rise: Rise | None = None
    plugin_memory_rise: Rise | None = None
    database_cpu_rise: Rise | None = None
    database_memory_rise: Rise | None = None
    queries_rise: Rise | None = None
    query_time_rise: Rise | None = None
    slow_queries_rise: Rise | None = None

    def asked(self) -> dict[str, float]:
        """Return the thresholds in force, by name."""
        return {name: value for name, value in self.model_dump().items() if value is not None}

    def absolute(self) -> dict[str, float]:
        """Return those that a run alone is held against."""
        return {name: value for name, value in self.asked().items() if not name.endswith(RELATIVE)}

    def relative(self) -> dict[str, float]:
        """Return those that are shares against a baseline."""
        return {name: value for name, value in self.asked().items() if name.endswith(RELATIVE)}


class Plan(_Document):
    """One plan. Paths are relative to the checkout; a case is named `suite/case`."""

    name: str = ""
    description: Annotated[str, Field(min_length=1)]
    plugin: Annotated[str, Field(pattern=r"^[^\s@]+@[^\s@]+$|/")]  # `id@version`, or a path to a folder or package
    dataset: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9._-]*$")]
    policy: Annotated[str, Field(min_length=1)]
    fixtures: dict[Table, Annotated[str, Field(min_length=1)]] = {}  # a CSV file each, loaded beside the dataset
    grants: dict[Table, list[Literal["select"]]] = {}
    suites: Annotated[list[str], Field(min_length=1)]
    critical: list[CaseId] = []
    checklist: dict[Row, Annotated[list[CaseId], Field(min_length=1)]] = {}  # row -> the cases that prove it
    thresholds: Thresholds = Thresholds()
    deadline_seconds: Annotated[int, Field(ge=1, le=86400)] = 300

    @field_validator("suites", "critical")
    @classmethod
    def _no_twins(cls, names: list[str]) -> list[str]:
        twins = sorted({name for name in names if names.count(name) > 1})
        if twins:
            raise ValueError(f"named twice: {', '.join(twins)}")
        return names

    def fixture_files(self) -> dict[str, Path]:
        """Return the CSV file of each table that comes with the plan."""
        return {table: CHECKOUT / file for table, file in self.fixtures.items()}


class _File(_Document):
    plans: Annotated[dict[Name, Plan], Field(min_length=1)]


@dataclass(frozen=True)
class Plans:
    """Every plan of a file."""

    file: Path
    plans: dict[str, Plan]

    @property
    def names(self) -> list[str]:
        """Return the known names, sorted."""
        return sorted(self.plans)

    def get(self, name: str) -> Plan:
        """Return the plan called `name`; else a RequestError names the known ones."""
        if name not in self.plans:
            raise RequestError(
                f"unknown plan `{name}`",
                remedy=f"known plans: {', '.join(self.names)}; they stand in {self.file.name}",
            )
        return self.plans[name]


def config_file(environment: dict[str, str] | None = None) -> Path:
    """Return where the plans stand: SANDBOX_SUITES_CONFIG, else the shipped file."""
    return Path((os.environ if environment is None else environment).get(VARIABLE) or DEFAULT_FILE)


def load(path: Path | None = None) -> Plans:
    """Return the plans of a file; a RequestError names every mistake with its line."""
    file = path or config_file()
    document = documents.load(file, _File, "plans file")
    return Plans(file, {name: plan.model_copy(update={"name": name}) for name, plan in document.plans.items()})


def thresholds(plan: Plan, overrides: Sequence[str] = ()) -> Thresholds:
    """Return the plan's thresholds with `NAME=VALUE` overrides; a RequestError names every mistake at once."""
    wanted, mistakes = {}, []
    for text in overrides:
        name, _, value = (part.strip() for part in text.partition("="))
        mistake = _mistake(name, value)
        if mistake:
            mistakes.append(f"threshold `{text}`: {mistake}")
        else:
            wanted[name] = float(value)
    if mistakes:
        raise RequestError("\n".join(mistakes), remedy="give thresholds as --threshold NAME=VALUE, e.g. pass_rate=0.9")
    return plan.thresholds.model_copy(update=wanted)


def _mistake(name: str, value: str) -> str:
    if name not in Thresholds.model_fields:
        return f"unknown name; possible are {', '.join(Thresholds.model_fields)}"
    try:
        number = float(value)
    except ValueError:
        return f"`{value}` is not a number"
    if name in SHARES:
        return "" if 0 <= number <= 1 else "a share from 0 to 1 is needed"
    if name.endswith(RELATIVE):
        return "" if 0 < number <= 10 else "a share above 0 is needed: 0.1 is a tenth"
    if name in COUNTS:
        return "" if 0 <= number < math.inf else "a count is needed"
    unit = "milliseconds" if name.endswith("_ms") else "a number"
    return "" if 0 < number < math.inf else f"{unit} above 0 {'are' if name.endswith('_ms') else 'is'} needed"
