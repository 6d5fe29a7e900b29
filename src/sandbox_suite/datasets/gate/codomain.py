"""Checks of values by themselves: masked ones are never the original and always in the mask's range; kept ones hold."""

import datetime
from collections.abc import Iterator
from typing import Any

import polars as pl

from sandbox_suite.datasets.gate import ids, oracle_ranges
from sandbox_suite.datasets.gate.case import Case, Rule, Table, rows_where
from sandbox_suite.datasets.gate.spans import lent
from sandbox_suite.datasets.gate.verdict import GateFinding

KEPT_TYPES: dict[str, tuple[pl.DataType, ...]] = {
    "int64": (pl.Int64(), pl.Int32(), pl.Int16(), pl.Int8()),
    "float64": (pl.Float64(), pl.Float32()),
    "bool": (pl.Boolean(),),
    "date": (pl.Date(),),
    "timestamp": (pl.Datetime("us"), pl.Datetime("us", "UTC")),
    "text": (pl.String(),),
    "uuid": (pl.String(),),
}
UUID = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"


def no_identity(case: Case) -> Iterator[GateFinding]:
    """No masked value equals its original, as it is or normalised."""
    for table in case.every:
        for column in table.masked_columns:
            raw, masked = table.raw[column], table.masked[column]
            same = raw == masked
            if raw.dtype == pl.String:
                same |= _normal(raw) == _normal(masked)
                same &= raw != ""  # nothing stays nothing
            if (same := same.fill_null(False)).any():
                yield case.finding("identity", table, column, "the masked value is the original", rows_where(same))


def _normal(values: pl.Series) -> pl.Series:
    return values.to_frame("v").select(ids.normal(pl.col("v"))).to_series()


def codomain(case: Case) -> Iterator[GateFinding]:
    """Every masked value is one that its mask can give; composed values have only the parts that the policy names."""
    for table in case.every:
        for column, rule in table.rules.items():
            if rule.kind != "keep" and table.has(column):
                outside = _outside(case, table, column, rule).fill_null(False)
                if outside.any():
                    message = f"no value of mask `{rule.kind}`"
                    yield case.finding("codomain", table, column, message, rows_where(outside), "masked")
    for table, column, message, rows in case.parts.wrong:
        yield case.finding("codomain", table, column, message, rows, "masked")


def _outside(case: Case, table: Table, column: str, rule: Rule) -> pl.Series:
    country = rule.options.get("country") if rule.kind == "national_id" else None
    countries = lent(case, table, country) if country else None
    return oracle_ranges.outside(table.masked[column], table.raw[column], rule, countries)


def kept_columns(case: Case) -> Iterator[GateFinding]:
    """Every kept column is unchanged and inside the constraint that the policy keeps it for."""
    for table in case.every:
        for column, rule in table.rules.items():
            if rule.kind == "keep" and table.has(column):
                yield from _kept(case, table, column, rule.options)


def _kept(case: Case, table: Table, column: str, options: Any) -> Iterator[GateFinding]:
    values = table.masked[column]
    if table.raw.height == table.masked.height and not values.equals(table.raw[column]):
        rows = rows_where(values.ne_missing(table.raw[column]))
        yield case.finding("keep", table, column, "a kept value was changed", rows, "masked")
    if options.get("type") and values.dtype not in KEPT_TYPES[options["type"]]:
        yield GateFinding("keep", f"{table.name}.{column}", "keep", f"is no {options['type']}")
        return
    outside = (~_constraint(values, options)).fill_null(False)
    if outside.any():
        message = "a kept value is outside its constraint"
        yield case.finding("keep", table, column, message, rows_where(outside), "masked")


def _constraint(values: pl.Series, options: Any) -> pl.Series:
    """Return, per row, whether the constraint holds; a column that nothing constrains holds nowhere."""
    held = []
    if options.get("enum") is not None:
        held.append(values.cast(pl.String).is_in([_as_text(value) for value in options["enum"]]))
    if options.get("range") is not None:
        low, high = (_bound(bound, values.dtype) for bound in options["range"])
        nan = values.is_nan() if values.dtype.is_float() else pl.zeros(len(values), dtype=pl.Boolean, eager=True)
        held.append((values >= low) & (values <= high) & ~nan)
    if options.get("regex") is not None:
        held.append(values.str.contains(f"^(?:{options['regex']})$") & ~values.str.contains("\n", literal=True))
    if options.get("type") == "uuid":
        held.append(values.str.contains(UUID))
    if options.get("type") == "bool" or (options.get("type") == "int64" and (options.get("pk") or options.get("fk"))):
        held.append(pl.ones(len(values), dtype=pl.Boolean, eager=True))
    whole = pl.repeat(bool(held), len(values), dtype=pl.Boolean, eager=True)
    for part in held:
        whole &= part
    return whole


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _bound(bound: Any, kind: pl.DataType) -> Any:
    """Return a bound of the policy (its canonical form spells dates as text) as the column's type."""
    if kind == pl.Date:
        return datetime.date.fromisoformat(str(bound)[:10])
    if isinstance(kind, pl.Datetime):
        moment = datetime.datetime.fromisoformat(str(bound))
        return moment.replace(tzinfo=datetime.UTC) if kind.time_zone and moment.tzinfo is None else moment
    return bound
