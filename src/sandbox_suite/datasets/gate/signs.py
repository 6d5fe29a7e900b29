"""Columns of texts as bytes: what numpy reckons for a whole column, where polars would go text by text."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]
LOWER = bytes(range(256)).lower()
OTHER = r"[^\x00-\x7f]"


def flags(found: Any) -> Flags:
    """Return what numpy compared, as what it is."""
    return np.asarray(found, np.bool_)


def flat(texts: pl.Series) -> tuple[Bytes, Numbers]:
    """Return the bytes of all texts one after the other, and where each begins; its end is the next one's begin."""
    array = texts.to_arrow(compat_level=pl.CompatLevel.oldest())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    array = array.cast(pa.large_string())
    _, offsets, content = array.buffers()
    if not len(array):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    bounds = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    letters = np.frombuffer(content, np.uint8)[bounds[0] : bounds[-1]] if content else np.zeros(0, np.uint8)
    return letters, bounds - bounds[0]


def texts(letters: Bytes, bounds: Numbers) -> pl.Series:
    """Return the texts that `flat` takes apart; the bytes between two bounds are UTF-8."""
    buffers = [None, pa.py_buffer(np.ascontiguousarray(bounds, np.int64)), pa.py_buffer(np.ascontiguousarray(letters))]
    made = pl.from_arrow(pa.LargeStringArray.from_buffers(len(bounds) - 1, buffers[1], buffers[2]))
    assert isinstance(made, pl.Series)
    return made


def without(letters: Bytes, bounds: Numbers, kept: Flags) -> tuple[Bytes, Numbers]:
    """Return `flat` texts with only the bytes that are kept."""
    before = np.zeros(len(letters) + 1, np.int64)
    np.cumsum(kept, out=before[1:])
    return letters[kept], before[bounds]


def dropped(values: pl.Series, away: bytes) -> pl.Series:
    """Return texts without some ASCII signs."""
    letters, bounds = flat(values)
    return _translated(values, letters.tobytes(), bounds, None, away)


def lower_ascii(values: pl.Series, away: bytes) -> pl.Series | None:
    """Return texts in lower case without some signs; None where not all texts are ASCII."""
    letters, bounds = flat(values)
    content = letters.tobytes()
    return _translated(values, content, bounds, LOWER, away) if content.isascii() else None


def _translated(values: pl.Series, content: bytes, bounds: Numbers, table: bytes | None, away: bytes) -> pl.Series:
    left = content.translate(table, away)
    if len(left) < len(content):
        gone = np.zeros(256, bool)
        gone[list(away)] = True
        bounds = bounds - np.searchsorted(np.flatnonzero(gone[np.frombuffer(content, np.uint8)]), bounds)
    elif table is None:
        return values
    made = texts(np.frombuffer(left, np.uint8), bounds)
    return (made.set(values.is_null(), None) if values.null_count() else made).alias(values.name)


def by_length(values: pl.Series, table: Bytes) -> Iterator[tuple[Numbers, Bytes]]:
    """Give (rows, signs: a row of bytes each) of the texts of one length, which all are ASCII and without NULL.

    Bytes are as in `table`, those that are 0 there left out.
    """
    letters, bounds = flat(values)
    mapped = table[letters]
    mapped, bounds = without(mapped, bounds, mapped != 0)
    lengths = np.diff(bounds)
    for length in np.unique(lengths).tolist():
        rows = np.flatnonzero(lengths == length)
        yield rows, mapped[bounds[rows][:, None] + np.arange(length)]


def is_ascii(values: pl.Series) -> Flags:
    """Return which texts are ASCII."""
    found: Flags = (~values.str.contains(OTHER)).to_numpy()
    return found
