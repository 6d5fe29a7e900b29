"""Checks of values by themselves: masked ones are never the original and always in the mask's range; kept ones hold."""

import datetime
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl

from sandbox_suite.datasets.gate import ids, oracle
from sandbox_suite.datasets.gate.case import Case, Rule, Table, rows_where
from sandbox_suite.datasets.gate.verdict import GateFinding

DAYS = 180  # how far a date may move
KEPT_TYPES: dict[str, tuple[pl.DataType, ...]] = {
    "int64": (pl.Int64(),),
    "float64": (pl.Float64(),),
    "bool": (pl.Boolean(),),
    "date": (pl.Date(),),
    "timestamp": (pl.Datetime("us"),),
    "text": (pl.String(),),
    "uuid": (pl.String(),),
}
UUID = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
SHAPES = {
    "email": r"^u[0-9a-f]{16}@example\.com$",
    "phone": r"^\+?[0-9][0-9 ().\-/]{5,24}$",
    "card": r"^[0-9][0-9 \-]{11,30}$",
    "iban": r"^[A-Z]{2}[0-9]{2}[A-Z0-9 ]{11,40}$",
}
CHECKED: dict[str, Callable[[str], bool]] = {"card": ids.card, "iban": ids.iban}


def no_identity(case: Case) -> Iterator[GateFinding]:
    """No masked value equals its original, as it is or normalised."""
    for table in case.tables.values():
        for column in table.masks("email", "name", "address", "phone", "national_id", "iban", "card", "date"):
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
    """Every masked value is one that its mask can give."""
    for table in case.tables.values():
        for column, rule in table.rules.items():
            if rule.kind != "keep" and table.has(column):
                outside = _outside(table, column, rule).fill_null(False)
                if outside.any():
                    message = f"no value of mask `{rule.kind}`"
                    yield case.finding("codomain", table, column, message, rows_where(outside), "masked")


def _outside(table: Table, column: str, rule: Rule) -> pl.Series:
    """Return, per row, whether the masked value lies outside the mask's range; NULL masks nothing and is inside."""
    values = table.masked[column]
    if rule.kind == "null":
        return values.is_not_null()
    if rule.kind == "constant":
        return values.cast(pl.String) != oracle.constant_text(rule.options["value"], values.dtype)
    if rule.kind == "date":
        return _moved_wrongly(table.raw[column], values)
    if rule.kind in ("name", "address"):
        return ~values.str.contains(oracle.pool_regex(rule.kind))
    if rule.kind == "national_id":
        return _no_national_id(values, table.masked[rule.options["country"]])
    if rule.kind in SHAPES:
        outside = ~values.str.contains(SHAPES[rule.kind]) & (values != "")
        return outside | _invalid(values, CHECKED[rule.kind]) if rule.kind in CHECKED else outside
    return pl.zeros(len(values), dtype=pl.Boolean, eager=True)  # free text: see `spans`


def _invalid(values: pl.Series, valid: Callable[[str], bool]) -> pl.Series:
    return values.is_in(_bad(values, valid))


def _bad(values: pl.Series, valid: Callable[[str], bool]) -> list[str]:
    return [value for value in values.drop_nulls().unique().to_list() if value and not valid(value)]


def _any_national_id(value: str) -> bool:
    return any(check(value) for check in ids.NATIONAL.values())


def _no_national_id(values: pl.Series, countries: pl.Series) -> pl.Series:
    outside = pl.zeros(len(values), dtype=pl.Boolean, eager=True)
    for country in countries.unique().to_list():
        there = countries.eq_missing(country)
        bad = _bad(values.filter(there), ids.NATIONAL.get(str(country).upper(), _any_national_id))
        outside |= there & values.is_in(bad)
    return outside


def _moved_wrongly(raw: pl.Series, masked: pl.Series) -> pl.Series:
    days = (masked.cast(pl.Date).cast(pl.Int32) - raw.cast(pl.Date).cast(pl.Int32)).abs()
    wrong = (days < 1) | (days > DAYS)
    if raw.dtype != pl.Date:
        wrong |= raw.dt.time() != masked.dt.time()
    return wrong


def kept_columns(case: Case) -> Iterator[GateFinding]:
    """Every kept column is unchanged and inside the constraint that the policy keeps it for."""
    for table in case.tables.values():
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
        return datetime.datetime.fromisoformat(str(bound))
    return bound
