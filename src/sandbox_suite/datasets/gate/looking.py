"""Looks at one slice: every check that rows tell by themselves, and the hashes of those that only whole tables tell."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from sandbox_suite.datasets import proof
from sandbox_suite.datasets.gate import codomain, constraints, detector, leaks, sample, shape, spans, surfaces, whole
from sandbox_suite.datasets.gate.case import Case
from sandbox_suite.datasets.gate.detector import Doubt
from sandbox_suite.datasets.gate.oracle import Oracle
from sandbox_suite.datasets.gate.slices import Dataset, Slice
from sandbox_suite.datasets.gate.surfaces import Originals, Surface, Traces
from sandbox_suite.datasets.gate.verdict import ACCEPTABLE, GateFinding

Found = list[GateFinding | Doubt]


@dataclass
class View:
    """A slice, and what its checks leave each other: later ones use what earlier ones found out."""

    case: Case
    oracle: Oracle
    known: Originals | None  # None: they could not be read
    residual: dict[tuple[str, str], pl.Series] = field(default_factory=dict)

    @cached_property
    def surfaces(self) -> list[Surface]:
        """Return the texts that could show something."""
        return surfaces.surfaces(self.case, self.residual)

    @property
    def originals(self) -> Originals:
        """Return the originals of all rows."""
        if self.known is None:
            raise ValueError("the originals could not be read")
        return self.known


# By name, in order.
CHECKS: Mapping[str, Callable[[View], Iterable[GateFinding | Doubt]]] = {
    "rows and keys": lambda view: shape.keys(view.case),
    "nulls and uniqueness": lambda view: shape.nulls(view.case),
    "no identity": lambda view: codomain.no_identity(view.case),
    "codomain": lambda view: codomain.codomain(view.case),
    "kept columns": lambda view: codomain.kept_columns(view.case),
    "spans recomputed": lambda view: spans.recompute(view.case, view.oracle, view.residual),
    "detector": lambda view: detector.detector(view.case, view.surfaces),
    "values of the own row": lambda view: leaks.own_row(view.case, view.surfaces),
    "values of any row": lambda view: leaks.any_row(view.case, view.surfaces, view.originals),
    "names": lambda view: leaks.names(view.case, view.surfaces, view.originals),
    "decoded text": lambda view: leaks.decoded(view.case, view.surfaces, view.originals),
    "rows recomputed": lambda view: sample.recompute(view.case, view.oracle, view.originals),
    "table constraints": lambda view: constraints.table_constraints(view.case),
}


@dataclass
class Looked:
    """What a slice told: seconds and findings by check, hashes, and what goes into the signed digest."""

    seconds: dict[str, float] = field(default_factory=dict)
    found: dict[str, Found] = field(default_factory=dict)
    seen: whole.Seen | None = None
    lines: bytes | None = None  # SHA-256 of each row, of a slice that may be signed
    logged: dict[whole.Place, int] = field(default_factory=dict)  # spans that belong to these rows
    traces: Traces | None = None
    digests: dict[str, str] = field(default_factory=dict)  # {table: of its rows}

    def check(self, name: str, check: Callable[[], Iterable[GateFinding | Doubt]]) -> None:
        """Run a check; one that raises is a finding."""
        start = time.perf_counter()
        found = self.found.setdefault(name, [])
        try:
            found += check()
        except Exception as error:
            # The error's words may quote a value: its type and place say enough.
            found.append(GateFinding("check-failed", "gate", "", f"the check ended with {where(error)}"))
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def where(error: Exception) -> str:
    """Return type and place of an error."""
    frame = error.__traceback__
    while frame and frame.tb_next:
        frame = frame.tb_next
    place = f" at {Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else ""
    return f"{type(error).__name__}{place}"


def trace(dataset: Dataset, part: Slice) -> Looked:
    """Return what is kept of the originals of a slice."""
    looked = Looked()

    def traced() -> list[GateFinding | Doubt]:
        looked.traces = surfaces.traces(dataset.case(part, lean=True))
        return []

    looked.check("values of any row", traced)
    return looked


def head(dataset: Dataset) -> Looked:
    """Look at what is told without rows."""
    looked, case = Looked(), dataset.case()
    looked.check("policy covers schema", lambda: shape.policy_covers_schema(case))
    looked.check("files", lambda: shape.files(case))
    looked.check("rows and keys", lambda: shape.rows(case, dataset.heights))
    return looked


def look(dataset: Dataset, part: Slice, known: Originals | None) -> Looked:
    """Look at a slice."""
    case = dataset.case(part)
    looked, view = Looked(), View(case, Oracle(dataset.master), known)
    for name, check in CHECKS.items():
        looked.check(name, lambda check=check: check(view))  # type: ignore[misc]

    def told() -> list[GateFinding | Doubt]:
        looked.seen = whole.look(case)
        return []

    looked.check("nulls and uniqueness", told)
    table = case.tables[part.table]
    looked.logged = {(table.name, column): len(log) for column, log in table.spans.items()}
    findings = [item for found in looked.found.values() for item in found if isinstance(item, GateFinding)]
    if all(item.kind in ACCEPTABLE for item in findings):
        looked.lines = proof.lines(table.masked, described(dataset, part.table))
    return looked


def described(dataset: Dataset, name: str) -> dict[str, Any]:
    """Return what is signed of a table, but for its digests."""
    claimed, raw = dataset.claimed["tables"][name], dataset.raw_manifest["tables"][name]
    return {
        "rows": dataset.heights[name][1],
        "primary_key": raw["primary_key"],
        "foreign_keys": raw["foreign_keys"],
        "order": [column for column in raw["order"] if column in claimed["columns"]],
        "columns": claimed["columns"],
    }
