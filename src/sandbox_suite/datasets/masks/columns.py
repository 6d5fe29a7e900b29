"""Small tools for whole columns: groups in row order, digits of numbers, numbers as text."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Numbers = NDArray[np.uint64]
TEN, FOUR = np.uint64(10), 4
GROUP = np.uint64(10**FOUR)


def grouped(by: pl.Series, work: Callable[[Any, pl.Series], pl.Series]) -> pl.Series:
    """Return what `work(group, row numbers)` gives for each group, in the order of the rows; a None gives NULL."""
    if not len(by):
        return pl.Series([], dtype=pl.String)
    if by.eq_missing(pl.Series([by[0]], dtype=by.dtype)).all():
        return work(by[0], pl.int_range(len(by), dtype=pl.UInt32, eager=True))
    parts = pl.DataFrame({"by": by}).with_row_index("row").group_by("by", maintain_order=True).agg("row")
    done = [work(group, parts["row"][number]) for number, group in enumerate(parts["by"].to_list())]
    place = np.empty(len(by), np.uint32)
    place[parts["row"].explode().to_numpy()] = np.arange(len(by), dtype=np.uint32)
    return pl.concat([item.alias("out") for item in done]).gather(pl.Series(place))


def replaced(values: pl.Series, rows: pl.Series, work: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Return the column with what `work` gives where `rows` (booleans) is true; the rest is not looked at."""
    if not rows.any():
        return values
    if rows.all():
        return work(values).alias(values.name)
    return values.scatter(rows.arg_true(), work(values.filter(rows)))


def numbers(texts: pl.Series) -> Numbers:
    """Return texts of at most 19 digits as numbers."""
    return texts.cast(pl.UInt64).to_numpy()


def texts(values: Numbers, digits: int) -> pl.Series:
    """Return numbers as texts of so many digits."""
    return pl.Series(values, dtype=pl.UInt64).cast(pl.String).str.zfill(digits)


def digit_matrix(values: Numbers, digits: int) -> NDArray[np.int64]:
    """Return a row of digits per number."""
    out = np.empty((digits, len(values)), np.int64)  # digit by digit, each in one run of memory
    rest = values.astype(np.uint64)
    for place in range(digits - 1, -1, -1):
        left = rest // TEN  # numpy divides by one number quickly, and has no quick remainder
        out[place] = rest - left * TEN
        rest = left
    return out.T


def luhn_digits(values: Numbers, digits: int) -> Numbers:
    """Return the digit that Luhn's rule puts after each number of so many digits."""
    total, rest = np.zeros(len(values), np.uint64), values
    for _ in range(-(-digits // FOUR)):
        left = rest // GROUP
        total += _luhn_sums()[rest - left * GROUP]
        rest = left
    checks: Numbers = (TEN - total % TEN) % TEN
    return checks


@functools.cache
def _luhn_sums() -> Numbers:
    """Return, per number of four digits, the sum in which every other digit, from the last on, counts double."""
    digits = digit_matrix(np.arange(GROUP, dtype=np.uint64), FOUR)
    doubled = digits * np.array([1, 2, 1, 2])
    sums: Numbers = np.where(doubled > 9, doubled - 9, doubled).sum(1).astype(np.uint64)
    return sums
