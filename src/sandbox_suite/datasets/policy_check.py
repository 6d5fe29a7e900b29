"""What a version of a dataset would break in a policy, found before anybody masks it. No finding shows a value."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from sandbox_suite.core.findings import Finding
from sandbox_suite.datasets.coverage import Schema
from sandbox_suite.datasets.detection.counting import Look
from sandbox_suite.datasets.detection.veto import kept_findings
from sandbox_suite.datasets.policy import Policy, Rule
from sandbox_suite.datasets.sources import Source, Table

UUID = r"(?i)^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$"
Outside = Callable[[pl.Series], pl.Series]  # values -> whether each breaks a constraint


def check(source: Source, policy: Policy, today: datetime.date, before: Schema | None = None) -> list[Finding]:
    """Return what keeps `source` from being masked under `policy`; notes say what changed since the schema `before`."""
    schema = source.schema()
    found = [*_changes(before, schema)] if before is not None else []
    found += policy.covers(schema)
    broken = {item.place for item in found if item.severity == "error"}
    for name, table in source.tables.items():
        rules = {column: rule for column, rule in policy.rules(name).items() if f"{name}.{column}" not in broken}
        found += _values(source, table, rules, policy, today)
    return [*found, *_keys(source)]


def _changes(before: Schema, now: Schema) -> Iterator[Finding]:
    """Yield what is new, gone or of another type: the policy may not mind, but its owner wants to know."""
    for table in sorted(before.keys() | now.keys()):
        old, new = before.get(table, {}), now.get(table, {})
        if not (old and new):
            yield Finding("note", "a new table" if new else "the table is gone", table, "changed-table")
            continue
        for column in sorted(old.keys() | new.keys()):
            place = f"{table}.{column}"
            if column not in old or column not in new:
                said = "a new column" if column in new else "the column is gone"
                yield Finding("note", said, place, "changed-column")
            elif old[column].type != new[column].type:
                yield Finding("note", f"was {old[column].type}, is {new[column].type}", place, "changed-type")
            elif new[column].nullable and not old[column].nullable:
                yield Finding("note", "may be NULL now", place, "changed-null")


def _values(
    source: Source, table: Table, rules: Mapping[str, Rule], policy: Policy, today: datetime.date
) -> Iterator[Finding]:
    """Yield kept values outside their constraint, kept columns that look like personal data, too few rows."""
    kept = {column: rule for column, rule in rules.items() if rule.kind == "keep"}
    looks = {column: Look() for column in kept}
    limits = {column: list(_limits(rule.options)) for column, rule in kept.items()}
    counts: dict[tuple[str, str], int] = {}
    rows = 0
    for batch in source.batches(table.name):
        rows += batch.num_rows
        for column in kept:
            values = _series(batch[column])
            looks[column].add(values)
            for what, outside in limits[column]:
                counts[column, what] = counts.get((column, what), 0) + int(outside(values.drop_nulls()).sum())
    least = policy.rows[table.name].min if table.name in policy.rows else 0
    if rows < least:
        yield Finding("error", f"{rows} rows, at least {least} are wanted", table.name, "check-rows")
    for (column, what), count in counts.items():
        if count:
            said = f"{count} of {rows} values are outside the `{what}` that they are kept for"
            yield Finding("error", said, f"{table.name}.{column}", f"check-{what}")
    for column, look in looks.items():
        yield from kept_findings(f"{table.name}.{column}", look, policy, today)


def _limits(options: Mapping[str, Any]) -> Iterator[tuple[str, Outside]]:
    """Yield (name of the constraint, which values break it)."""
    if options.get("enum") is not None:
        yield "enum", _outside_enum(options["enum"])
    if options.get("range") is not None:
        yield "range", _outside_range(*options["range"])
    if options.get("regex") is not None:
        yield "regex", _outside_regex(options["regex"])
    if options.get("type") == "uuid":
        yield "uuid", _outside_regex(UUID)


def _outside_enum(allowed: Iterable[Any]) -> Outside:
    known = [str(item).lower() if isinstance(item, bool) else str(item) for item in allowed]
    return lambda values: ~values.cast(pl.String).is_in(known)


def _outside_range(low: Any, high: Any) -> Outside:
    def outside(values: pl.Series) -> pl.Series:
        first, last = _bound(low, values.dtype), _bound(high, values.dtype)
        if values.dtype == pl.String or first is None or last is None:  # nothing that could be compared
            return pl.repeat(True, len(values), dtype=pl.Boolean, eager=True)
        inside: pl.Series = (values >= first) & (values <= last)
        return ~(inside & ~values.is_nan()) if values.dtype.is_float() else ~inside

    return outside


def _bound(bound: Any, kind: pl.DataType) -> Any:
    """Return a bound as values of the column are; None where it is of another kind."""
    if not isinstance(bound, str):
        return None if kind.is_temporal() else bound
    try:
        moment = datetime.datetime.fromisoformat(bound)
    except ValueError:
        return None
    if isinstance(kind, pl.Datetime):
        return moment.replace(tzinfo=moment.tzinfo or datetime.UTC) if kind.time_zone else moment.replace(tzinfo=None)
    return moment.date() if kind == pl.Date else None


def _outside_regex(regex: str) -> Outside:
    def outside(values: pl.Series) -> pl.Series:
        text = values.cast(pl.String)
        return ~(text.str.contains(f"^(?:{regex})$") & ~text.str.contains("\n", literal=True))

    return outside


def _keys(source: Source) -> Iterator[Finding]:
    """Yield foreign keys whose values lead nowhere: such rows would block at the gate."""
    for name, table in source.tables.items():
        for column, target in table.foreign_keys.items():
            other, _, aim = target.partition(".")
            if other not in source.tables:
                continue
            lost = _lost(source.batches(name), column, _distinct(source.batches(other), aim))
            if lost:
                said = f"{lost} values refer to no `{target}`"
                yield Finding("error", said, f"{name}.{column}", "check-reference")


def _distinct(batches: Iterable[Any], column: str) -> pl.Series:
    parts = [_series(batch[column]).unique() for batch in batches]
    return pl.concat(parts).unique() if parts else pl.Series([], dtype=pl.Null)


def _lost(batches: Iterable[Any], column: str, known: pl.Series) -> int:
    """Count values that are not among the known ones; as text where the two columns have different types."""
    total = 0
    for batch in batches:
        values = _series(batch[column]).drop_nulls()
        same = values.dtype == known.dtype
        left, right = (values, known) if same else (values.cast(pl.String), known.cast(pl.String))
        total += int((~left.is_in(right.implode())).sum())
    return total


def _series(column: Any) -> pl.Series:
    made = pl.from_arrow(column)
    return made if isinstance(made, pl.Series) else made.to_series()


def worst(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings in the order they matter: errors, warnings, notes; by place within each."""
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(findings, key=lambda item: (order[item.severity], item.place, item.id))
