"""Small tools for whole columns: groups in row order, digits of numbers, numbers as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Numbers = NDArray[np.uint64]


def grouped(by: pl.Series, work: Callable[[Any, pl.Series], pl.Series]) -> pl.Series:
    """Return what `work(group, row numbers)` gives for each group, in the order of the rows; a None gives NULL."""
    parts = pl.DataFrame({"by": by}).with_row_index("row").group_by("by", maintain_order=True).agg("row")
    if not len(parts):
        return pl.Series([], dtype=pl.String)
    done = [work(group, rows) for group, rows in parts.iter_rows()]
    if len(done) == 1:
        return done[0]
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
    out = np.empty((len(values), digits), np.int64)
    rest = values.astype(np.int64)
    for place in range(digits - 1, -1, -1):
        rest, out[:, place] = np.divmod(rest, 10)
    return out
