"""Masks of values with a shape (phone, national id, IBAN, card): separators aside, one form enciphers each shape.

A form is told twice, for whole columns and for one value. Separators stay where they were; letters become upper case.
A value that no form takes is unknown: it blocks, or is dropped, as the rule says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import columns

SEPARATORS = r"[ .\-/()+]"
STRIPPED = " .-/()+"  # the same, as a codomain tells it


class UnknownValuesError(Exception):
    """Values that the mask does not understand, by their place in the column. Holds no value."""

    def __init__(self, rows: Sequence[int]) -> None:
        super().__init__(f"{len(rows)} values have no form that the mask understands")
        self.rows = rows


@dataclass(frozen=True)
class Form:
    """One shape of a value, separators stripped and in upper case. `vector` may give NULL for what is no valid date."""

    pattern: str  # of the whole value; the same to Rust and to Python
    vector: Callable[[pl.Series, Keys], pl.Series]
    scalar: Callable[[str, Keys], str | None]


Forms = Sequence[Form]


def compact(values: pl.Series) -> pl.Series:
    """Return the values without separators, in upper case."""
    return values.str.to_uppercase().str.replace_all(SEPARATORS, "")


def compact_scalar(value: str) -> str:
    """Return one value without separators, in upper case."""
    return re.sub(SEPARATORS, "", value.upper())


def vector(values: pl.Series, group: pl.Series | None, forms: Mapping[Any, Forms], keys: Keys, drop: bool) -> pl.Series:
    """Return the masked column. `group` chooses the forms of a row (its country); without one the key is None."""
    bare = compact(values)
    by = group if group is not None else pl.repeat(None, len(values), dtype=pl.String, eager=True)
    masked = columns.grouped(by, lambda name, rows: _formed(bare.gather(rows), forms.get(name, ()), keys))
    empty = (values == "").fill_null(False)
    unknown = masked.is_null() & values.is_not_null() & ~empty
    if unknown.any() and not drop:
        raise UnknownValuesError(unknown.arg_true().to_list())
    return dressed(masked, values).zip_with(~empty, values)


def scalar(value: str, forms: Forms, keys: Keys, drop: bool) -> str | None:
    """Return one masked value."""
    if value == "":
        return value
    bare = compact_scalar(value)
    form = next((form for form in forms if re.fullmatch(form.pattern, bare)), None)
    masked = form.scalar(bare, keys) if form else None
    if masked is None and not drop:
        raise UnknownValuesError([0])
    return None if masked is None else _dressed_scalar(masked, value)


def _formed(bare: pl.Series, forms: Forms, keys: Keys) -> pl.Series:
    """Mask each value by the first form whose pattern it has."""
    number = pl.lit(None, dtype=pl.Int32)
    for place in range(len(forms) - 1, -1, -1):
        number = pl.when(pl.col("v").str.contains(f"^(?:{forms[place].pattern})$")).then(place).otherwise(number)
    chosen = bare.to_frame("v").select(number.alias("form"))["form"]

    def work(place: int | None, rows: pl.Series) -> pl.Series:
        if place is None:
            return pl.repeat(None, len(rows), dtype=pl.String, eager=True)
        return forms[place].vector(bare.gather(rows), keys)

    return columns.grouped(chosen, work)


def dressed(masked: pl.Series, originals: pl.Series) -> pl.Series:
    """Put the separators of the originals back, for all values with the same pattern of separators at once."""
    pattern = originals.str.replace_all("[0-9A-Za-z]", "x")
    bare = ~pattern.str.contains("[^x]").fill_null(True)
    if bare.all():
        return masked
    by = pattern.zip_with(~bare, pl.Series(["x"]))
    return columns.grouped(by, lambda shape, rows: _spread(masked.gather(rows), shape))


def _spread(masked: pl.Series, shape: str | None) -> pl.Series:
    if shape is None or shape == "x" or "x" not in shape:
        return masked
    pieces, place = [], 0
    for run in re.findall("x+|[^x]+", shape):
        letters = run.startswith("x")
        pieces.append(pl.col("m").str.slice(place, len(run)) if letters else pl.lit(run))
        place += len(run) if letters else 0
    return masked.to_frame("m").select(pl.concat_str(pieces)).to_series()


def _dressed_scalar(masked: str, original: str) -> str:
    letters = iter(masked)
    return "".join(next(letters) if re.match("[0-9A-Za-z]", letter) else letter for letter in original)
