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
    frames = [pl.DataFrame({"row": rows, "out": work(group, rows)}) for group, rows in parts.iter_rows()]
    return pl.concat(frames).sort("row")["out"]


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
