"""A column of texts as one buffer of bytes, cut at byte places into pieces that are masked and put together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

Places = NDArray[np.int64]  # byte places in the buffer
PLAIN = -1  # the number of what is no span


@dataclass(frozen=True)
class Texts:
    """Texts without NULL, one after the other in `buffer`; text n is at `bounds[n]` to `bounds[n + 1]`."""

    buffer: pa.Buffer
    bounds: Places

    @classmethod
    def of(cls, values: pl.Series) -> Texts:
        """Return a column's texts."""
        array = values.to_arrow(compat_level=pl.CompatLevel.oldest())
        bounds = np.frombuffer(array.buffers()[1], np.int64, len(array) + 1, 8 * array.offset)
        return cls(array.buffers()[2] or pa.py_buffer(b""), bounds)

    @property
    def letters(self) -> NDArray[np.uint8]:
        """Return the buffer as numbers."""
        return np.frombuffer(self.buffer, np.uint8)

    def slices(self, starts: Places, ends: Places) -> pl.Series:
        """Return what stands at these places, which rise and do not overlap."""
        both = np.empty(2 * len(starts), np.int64)
        both[::2], both[1::2] = starts, ends
        return _series(both, self.buffer).gather_every(2) if len(starts) else pl.Series([], dtype=pl.String)


@dataclass(frozen=True)
class Spans:
    """Places of what is to be masked in texts, in order, without overlaps."""

    starts: Places
    ends: Places
    kinds: NDArray[np.int64]  # the number of each span's kind

    @classmethod
    def joined(cls, parts: Sequence[Spans]) -> Spans:
        """Return the spans of all parts in order."""
        starts = np.concatenate([part.starts for part in parts])
        order = np.argsort(starts, kind="stable")
        ends, kinds = (np.concatenate([getattr(part, name) for part in parts]) for name in ("ends", "kinds"))
        return cls(starts[order], ends[order], kinds[order])


@dataclass(frozen=True)
class Pieces:
    """All of the texts as pieces: spans, and the plain ones between them. No piece is empty."""

    texts: Texts
    starts: Places
    ends: Places
    kinds: NDArray[np.int64]  # PLAIN, or that of the span
    rows: NDArray[np.int64]

    @classmethod
    def cut(cls, texts: Texts, spans: Spans) -> Pieces:
        """Cut the spans out."""
        bounds = np.sort(np.concatenate([texts.bounds, spans.starts, spans.ends]), kind="stable")  # three rising runs
        bounds = bounds[np.append(True, bounds[1:] != bounds[:-1])]
        starts, kinds = bounds[:-1], np.full(len(bounds) - 1, PLAIN, np.int64)
        kinds[np.searchsorted(starts, spans.starts)] = spans.kinds
        return cls(texts, starts, bounds[1:], kinds, np.searchsorted(texts.bounds, starts, "right") - 1)

    def series(self) -> pl.Series:
        """Return the pieces as a column."""
        return _series(np.append(self.starts, self.ends[-1:]), self.texts.buffer)

    def joined(self, masked: pl.Series) -> pl.Series:
        """Return the texts with other pieces in place of these."""
        other = Texts.of(masked)
        return _series(other.bounds[self.first()], other.buffer)

    def first(self) -> NDArray[np.int64]:
        """Return the first piece of each text, and the number of pieces."""
        return np.searchsorted(self.starts, self.texts.bounds)


def _series(bounds: Places, buffer: pa.Buffer) -> pl.Series:
    """Return the texts between each place and the next."""
    if len(bounds) < 2:
        return pl.Series([], dtype=pl.String)
    offsets = pa.py_buffer(np.ascontiguousarray(bounds, np.int64))
    made = pl.from_arrow(pa.LargeStringArray.from_buffers(len(bounds) - 1, offsets, buffer))
    if not isinstance(made, pl.Series):
        raise TypeError("an array is a column")
    return made
