"""Values that come as text (CSV files, COPY of a database): which type all of them have, and the typed values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

# What a column of text can turn out to be, tried in this order; what none fits stays text.
GUESSES = ("int64", "double", "bool", "date32[day]", "timestamp[us]")
PLAIN = GUESSES[:3]  # of described files: dates are only made of what is said to be one
# No leading zeros and no plus: those are codes, and would not come back.
SHAPES = {
    "int64": r"^-?(0|[1-9][0-9]{0,18})$",
    "double": r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,3})?$",
    "bool": r"^(?i:true|false)$",
    "date32[day]": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "timestamp[us]": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?$",
}
TRUTH = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
SAID = {  # how a type is told to a person
    "int64": "a whole number",
    "double": "a number",
    "bool": "true or false",
    "date32[day]": "a date such as 2025-01-31",
    "timestamp[us]": "a time such as 2025-01-31 12:00:00",
}
FEW = 200  # values that are looked at before all of a batch are


class Guess:
    """The types that each column may still have, after the batches that were looked at."""

    def __init__(self, columns: Iterable[str], kinds: Sequence[str] = GUESSES) -> None:
        self._left: dict[str, list[str]] = {column: list(kinds) for column in columns}
        self._seen: set[str] = set()  # columns with a value

    def look(self, frame: pl.DataFrame) -> None:
        """Look at a batch of text columns."""
        for column, kinds in self._left.items():
            values = frame[column].drop_nulls() if kinds else frame[column].clear()
            if values.len():
                self._seen.add(column)
                self._left[column] = [kind for kind in kinds if _fits(values, kind)]

    def types(self) -> dict[str, str]:
        """Return {column: type}; a column without any value is text."""
        return {name: kinds[0] if kinds and name in self._seen else "string" for name, kinds in self._left.items()}


def typed(values: pl.Series, kind: str) -> tuple[pl.Series, list[int]]:
    """Return the values as `kind`, and the rows (from 0) that are none; never the values themselves in words."""
    if kind == "string":
        return values, []
    made = pl.DataFrame({"text": values}).select(_cast(kind)).to_series().alias(values.name)
    wrong = values.is_not_null() & made.is_null()
    return made, wrong.arg_true().to_list() if wrong.any() else []


def frame(texts: pl.DataFrame, kinds: Mapping[str, str], first: int) -> tuple[pl.DataFrame, list[str]]:
    """Return the typed columns, and what is wrong, by column and row; `first` is the first row's number."""
    made, told = {}, []
    for name in texts.columns:
        made[name], wrong = typed(texts[name], kinds[name])
        if wrong:
            rows = ", ".join(str(first + row) for row in wrong[:3]) + (", ..." if len(wrong) > 3 else "")
            told.append(f"column `{name}`, row {rows}: not {SAID.get(kinds[name], kinds[name])}")
    return pl.DataFrame(made), told


def _fits(values: pl.Series, kind: str) -> bool:
    return (values.len() <= FEW or _all(values.head(FEW), kind)) and _all(values, kind)


def _all(values: pl.Series, kind: str) -> bool:
    return bool(values.str.contains(SHAPES[kind]).all()) and not typed(values, kind)[1]


def _cast(kind: str) -> pl.Expr:
    text = pl.col("text")
    zoned = "timestamp[us, tz="
    if kind == "bool":
        return text.str.to_lowercase().replace_strict(TRUTH, default=None, return_dtype=pl.Boolean)
    if kind == "date32[day]":
        return text.str.to_date("%Y-%m-%d", strict=False)
    if kind == "time64[us]":
        return text.str.to_time("%H:%M:%S%.f", strict=False)
    if kind == "timestamp[us]":
        return text.str.replace("T", " ").str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    if kind.startswith(zoned):
        pattern, zone = "%Y-%m-%d %H:%M:%S%.f%#z", kind.removeprefix(zoned).removesuffix("]")
        return text.str.to_datetime(pattern, time_unit="us", time_zone=zone, strict=False)
    if kind == "binary":
        return text.str.strip_prefix("\\x").str.decode("hex", strict=False)
    if kind.startswith("decimal128"):
        precision, scale = kind.removeprefix("decimal128(").removesuffix(")").split(",")
        return text.cast(pl.Decimal(int(precision), int(scale)), strict=False)
    numbers = {"int16": pl.Int16, "int32": pl.Int32, "int64": pl.Int64, "float": pl.Float32, "double": pl.Float64}
    return text.cast(numbers[kind], strict=False)
