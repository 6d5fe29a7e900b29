"""What one gate run looks at: the policy, the raw and the masked tables side by side, and the words for findings."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from sandbox_suite.core.files import read_json
from sandbox_suite.datasets.gate.verdict import EVIDENCE, Evidence, GateFinding
from sandbox_suite.datasets.policy import Policy

# Kinds of masks whose originals identify a person wherever they stand.
IDENTIFIERS = ("email", "phone", "national_id", "iban", "card", "ip", "mac")
# Rules whose values are not recomputed one by one from their originals; every other kind, known or not, is.
SPECIAL = ("keep", "constant", "null", "drop", "free_text", "json", "template")


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
    spans: Mapping[str, Path] = field(default_factory=dict)  # free-text column -> its span log

    def masks(self, *kinds: str) -> list[str]:
        """Return the columns with a mask of these kinds that are really there."""
        return [name for name, rule in self.rules.items() if rule.kind in kinds and self.has(name)]

    @property
    def masked_columns(self) -> list[str]:
        """Return the columns whose every value became another one."""
        return [name for name, rule in self.rules.items() if rule.kind not in SPECIAL and self.has(name)]

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
    """A gate run's input. `claimed` is what the masker wrote of itself: checked, never believed."""

    policy: Policy
    tables: Mapping[str, Table]
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
        return ",".join(parts) or f"row={row}"

    def tag(self, value: object) -> str:
        """Return the HMAC that stands for a value in a report: equal values have equal tags."""
        key = hmac.digest(self.master, b"gate/v1/report", "sha256")
        return hmac.new(key, str(value).encode(), hashlib.sha256).hexdigest()[:16]


def load(raw: Path, quarantine: Path, policy: Policy, master: bytes, seed: int) -> Case:
    """Read both sides from disk. A table that either side lacks is left out here, and found by the first check."""
    raw_manifest, claimed = read_json(raw / "manifest.json"), read_json(quarantine / "quarantine.json")
    tables = {}
    for name, described in raw_manifest["tables"].items():
        left, right = raw / "tables" / f"{name}.parquet", quarantine / "tables" / f"{name}.parquet"
        if right.exists():
            spans = {path.name.split(".")[1]: path for path in sorted((quarantine / "spans").glob(f"{name}.*.parquet"))}
            tables[name] = _table(name, described, policy, pl.read_parquet(left), pl.read_parquet(right), spans)
    return Case(policy, tables, raw_manifest, claimed, quarantine, master, seed)


def _table(
    name: str,
    described: Mapping[str, Any],
    policy: Policy,
    raw: pl.DataFrame,
    masked: pl.DataFrame,
    spans: Mapping[str, Path],
) -> Table:
    rules = {column: Rule(rule.kind, rule.options) for column, rule in policy.rules(name).items()}
    key = tuple(described["primary_key"])
    dropped = raw.height - masked.height
    if dropped > 0 and key and all(rules.get(part, Rule("", {})).kind == "keep" for part in key):
        raw = raw.join(masked.select(key), on=key, how="semi", maintain_order="left")
    return Table(name, key, described["foreign_keys"], rules, raw, masked, spans)


def rows_where(mask: pl.Series) -> list[int]:
    """Return the row numbers where a boolean series is true; NULL counts as true, so that a check fails closed."""
    return mask.fill_null(True).arg_true().to_list()


def present(findings: Iterable[GateFinding | None]) -> list[GateFinding]:
    """Return the findings that are there."""
    return [finding for finding in findings if finding is not None]
