"""What one gate run looks at: the policy, the raw and the masked tables side by side, and the words for findings."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from sandbox_suite.datasets.gate import ids
from sandbox_suite.datasets.gate.verdict import EVIDENCE, Evidence, GateFinding
from sandbox_suite.datasets.policy import Policy

# Kinds of masks whose originals identify a person wherever they stand.
IDENTIFIERS = ("email", "phone", "national_id", "iban", "card", "ip", "mac")
# Rules whose values are not recomputed one by one from their originals; every other kind, known or not, is.
SPECIAL = ("keep", "constant", "null", "drop", "free_text", "json", "template")

SPANS = {
    "_row": pl.UInt32,
    "start": pl.Int64,
    "end": pl.Int64,
    "masked_start": pl.Int64,
    "masked_end": pl.Int64,
    "kind": pl.String,
    "original_hmac": pl.String,
}


@dataclass(frozen=True)
class Rule:
    """What the policy says of a column: `keep` or a kind of mask, with its options."""

    kind: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """One table, raw and masked, row by row beside each other."""

    name: str
    primary_key: tuple[str, ...]
    foreign_keys: Mapping[str, str]  # column -> `table.column`
    rules: Mapping[str, Rule]
    raw: pl.DataFrame
    masked: pl.DataFrame
    spans: Mapping[str, pl.DataFrame] = field(default_factory=dict)  # free-text column -> its span log, of these rows
    first: int = 0  # rows of the whole table before these
    of: int = 0  # rows of the whole table
    _places: dict[str, pl.DataFrame] = field(default_factory=dict)
    _normal: dict[tuple[str, str], pl.Series] = field(default_factory=dict)

    def masks(self, *kinds: str) -> list[str]:
        """Return the columns with a mask of these kinds that are really there."""
        return [name for name, rule in self.rules.items() if rule.kind in kinds and self.has(name)]

    @property
    def masked_columns(self) -> list[str]:
        """Return the columns whose every value became another one."""
        return [name for name, rule in self.rules.items() if rule.kind not in SPECIAL and self.has(name)]

    def span_log(self, column: str) -> pl.DataFrame:
        """Return the spans that the masker logged of a free text, in order, with `_row`, the row of each."""
        log = self.spans.get(column)
        if log is None:
            return pl.DataFrame(schema=SPANS)
        rows = self.masked.select(self.primary_key).with_row_index("_row")
        joined = log.join(rows, on=list(self.primary_key), how="left").sort("_row", "start", maintain_order=True)
        if joined["_row"].null_count() or joined.height != log.height:
            raise ValueError("the span log names rows that are not there")
        return joined.select(list(SPANS))

    def normal(self, side: str, column: str) -> pl.Series:
        """Return the normal forms of a column of texts, of the `raw` or the `masked` side; reckoned once."""
        if (side, column) not in self._normal:
            self._normal[side, column] = ids.normalised((self.raw if side == "raw" else self.masked)[column])
        return self._normal[side, column]

    def places(self, target: str, keys: pl.Series) -> pl.Series:
        """Return the row whose raw `target` each of `keys` is; NULL where there is none."""
        if target not in self._places:
            known = self.raw.select(pl.col(target).alias("_key")).with_row_index("_place")
            self._places[target] = known.unique("_key", keep="first", maintain_order=True)
        asked = keys.alias("_key").to_frame()
        return asked.join(self._places[target], on="_key", how="left", maintain_order="left")["_place"]

    def has(self, column: str) -> bool:
        """Return whether both sides have the column."""
        return column in self.raw.columns and column in self.masked.columns


@dataclass(frozen=True)
class Parts:
    """The parts of composed values as tables of their own, and what is wrong with the values that hold them."""

    tables: tuple[Table, ...] = ()
    wrong: tuple[tuple[Table, str, str, list[int]], ...] = ()  # table, column, message, rows


@dataclass(frozen=True)
class Case:
    """What is looked at. `claimed` is what the masker wrote of itself: checked, never believed."""

    policy: Policy
    tables: Mapping[str, Table]  # whole, or a slice of one of them
    beside: Mapping[str, Table]  # all tables, whole: raw values that others lend
    raw_manifest: Mapping[str, Any]
    claimed: Mapping[str, Any]
    quarantine: Path
    master: bytes
    seed: int

    @cached_property
    def parts(self) -> Parts:
        """Return the parts of composed values."""
        from sandbox_suite.datasets.gate import oracle_parts

        return oracle_parts.parts(self.tables)

    @property
    def every(self) -> list[Table]:
        """Return the tables, and those of the parts of their composed values."""
        return [*self.tables.values(), *self.parts.tables]

    def finding(
        self, kind: str, table: Table, column: str, message: str, rows: Sequence[int], side: str = "raw"
    ) -> GateFinding:
        """Return a finding on some rows of a column; the evidence holds keys and HMACs, never a value."""
        frame = table.raw if side == "raw" else table.masked
        values = frame[column] if column in frame.columns else None
        evidence = tuple(
            Evidence(self.row_key(table, row), self.tag(None if values is None else values[row]))
            for row in rows[:EVIDENCE]
        )
        rule = table.rules[column].kind if column in table.rules else ""
        return GateFinding(kind, f"{table.name}.{column}", rule, message, len(rows), evidence)

    def row_key(self, table: Table, row: int) -> str:
        """Return a row's primary key, as text; the parts that are no kept key appear as an HMAC."""
        parts = []
        for name in table.primary_key:
            value = table.masked[name][row] if name in table.masked.columns else None
            kept = self.tables[table.name].rules.get(name, Rule("", {})).kind == "keep"
            parts.append(f"{name}={value if kept else self.tag(value)}")
        return ",".join(parts) or f"row={table.first + row}"

    def tag(self, value: object) -> str:
        """Return the HMAC that stands for a value in a report: equal values have equal tags."""
        key = hmac.digest(self.master, b"gate/v1/report", "sha256")
        return hmac.new(key, str(value).encode(), hashlib.sha256).hexdigest()[:16]


def lent(case: Case, table: Table, reference: str) -> pl.Series:
    """Return a raw column of this table, or of the table that it has a foreign key to, row by row."""
    owner, _, name = reference.rpartition(".")
    if owner in ("", table.name):
        return table.raw[name]
    ((key, aim),) = [(key, aim) for key, aim in table.foreign_keys.items() if aim.partition(".")[0] == owner]
    other = case.beside[owner]
    return other.raw[name].gather(other.places(aim.partition(".")[2], table.raw[key]))


def rows_where(mask: pl.Series) -> list[int]:
    """Return the row numbers where a boolean series is true; NULL counts as true, so that a check fails closed."""
    return mask.fill_null(True).arg_true().to_list()


def present(findings: Iterable[GateFinding | None]) -> list[GateFinding]:
    """Return the findings that are there."""
    return [finding for finding in findings if finding is not None]
