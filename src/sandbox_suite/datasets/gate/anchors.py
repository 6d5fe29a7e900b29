"""Finds any of millions of originals anywhere in millions of texts: eight bytes of each, looked up at every offset.

Windows of eight bytes are hashed into a bitmap; what passes is searched for among the sorted anchors, and only then
is the whole original compared.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sandbox_suite.datasets.gate import signs

WIDTH = 8  # bytes of an anchor
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio: spreads what is alike
SPARE = 5  # the bitmap has 2**5 bits per anchor
CHUNK = 1 << 22  # bytes looked at in one go
Hits = tuple[np.ndarray, np.ndarray]  # (byte position, index of an anchor), of the same length
Words = NDArray[np.uint64]
Shapes = NDArray[np.uint32]
LONGEST = 0xFFFF  # bytes of an original


def hashes(values: pl.Series) -> Words:
    """Return a number of 64 bits for each text (as text or bytes), the same in every process of a gate run."""
    found: Words = values.cast(pl.Binary).hash().to_numpy()
    return found


def distinct(numbers: Words) -> Words:
    """Return numbers in order, each once. Parts that are in order already make this quick."""
    ordered: Words = np.sort(numbers, kind="stable")
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered


class Bitmap:
    """A set of numbers as bits: what is not there is told for sure, what is there nearly so."""

    def __init__(self, numbers: Words) -> None:
        bits = max(16, len(numbers).bit_length() + SPARE)
        self._shift = np.uint64(64 - bits)
        self._bits = np.zeros(1 << (bits - 3), np.uint8)
        byte, bit = self._hashed(numbers)
        np.bitwise_or.at(self._bits, byte, bit)

    def perhaps(self, numbers: Words) -> NDArray[np.int64]:
        """Return the places of the numbers that may be in the set."""
        byte, bit = self._hashed(numbers)
        return np.flatnonzero(self._bits[byte] & bit)

    def _hashed(self, words: Words) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Return the byte and the bit of words in the bitmap."""
        hashed = (words * MULTIPLIER) >> self._shift
        return (hashed >> np.uint64(3)).view(np.int64), np.uint8(1) << (hashed & np.uint64(7)).astype(np.uint8)


class Known:
    """A set of texts, by their hashes: of 2**64, so that chance makes no two alike."""

    def __init__(self, numbers: Words, bitmap: Bitmap | None = None) -> None:
        """`bitmap` is one that holds these numbers and may hold others."""
        self._numbers = distinct(numbers)
        self.bitmap = bitmap or Bitmap(self._numbers)

    def holds(self, numbers: Words) -> signs.Flags:
        """Return which of these hashes are those of a text in the set."""
        found = np.zeros(len(numbers), bool)
        rows = self.bitmap.perhaps(numbers)
        if len(self._numbers):
            at = np.searchsorted(self._numbers, numbers[rows]) % len(self._numbers)
            found[rows] = self._numbers[at] == numbers[rows]
        return found


@dataclass(frozen=True)
class Keys:
    """What is kept of originals to look for, in the order of their anchors, which presorts those of all slices."""

    anchors: Words
    shapes: Shapes  # place << 16 | length

    @classmethod
    def joined(cls, parts: "Sequence[Keys]") -> "Keys":
        """Return those of several slices together."""
        shapes = [np.zeros(0, np.uint32), *(part.shapes for part in parts)]
        return cls(np.concatenate([np.zeros(0, np.uint64), *(part.anchors for part in parts)]), np.concatenate(shapes))


def keys(values: pl.Series, places: pl.Series | None = None, width: int = WIDTH) -> Keys:
    """Return the keys of texts without NULL; those of fewer than `width` bytes are left out.

    `places` is the byte where each one's anchor starts, else its end is it.
    """
    buffer, starts = _joined(values)
    length = np.diff(starts)
    rows = np.flatnonzero(length >= width)
    length = length[rows]
    place = length - width if places is None else places.to_numpy()[rows]
    place = np.clip(place, 0, length - width)
    if len(length) and length.max() > LONGEST:
        raise ValueError("an original is too long to be looked for")
    anchors = _words(buffer, starts[rows] + place) & np.uint64((1 << 8 * width) - 1)
    order = np.argsort(anchors, kind="stable")
    return Keys(anchors[order], ((place << 16) | length).astype(np.uint32)[order])


class Anchors:
    """Originals by their keys."""

    def __init__(self, found: Keys, known: Known, width: int = WIDTH) -> None:
        """`known` holds the originals, and may hold others."""
        self._mask = np.uint64((1 << 8 * width) - 1)
        order = np.argsort(found.anchors, kind="stable")
        self._anchors, self._shapes = found.anchors[order], found.shapes[order]
        self._known = known
        self._bitmap = Bitmap(self._anchors)

    def find(self, texts: pl.Series) -> pl.DataFrame:
        """Return (text: its row in `texts`, value) of each original in each text, once; `texts` are without NULL."""
        buffer, starts = _joined(texts)
        found = [self._compared(buffer, starts, *hits) for hits in self._scan(buffer)]
        schema = {"text": pl.Int64, "value": pl.String}
        return pl.concat([pl.DataFrame(schema=schema), *found]).unique(maintain_order=True)

    def _scan(self, buffer: np.ndarray) -> Iterator[Hits]:
        """Give where anchors stand, chunk by chunk."""
        whole = len(buffer) - WIDTH + 1
        for first in range(0, whole if len(self._anchors) else 0, CHUNK):
            part = buffer[first : first + CHUNK + WIDTH - 1]
            hits = [self._aligned(part, offset) for offset in range(WIDTH)]
            positions, indices = (np.concatenate(side) for side in zip(*hits, strict=True))
            if len(positions):
                yield positions + first, indices

    def _aligned(self, part: np.ndarray, offset: int) -> Hits:
        """Return the hits among the windows that start at `offset` and every eight bytes after it."""
        count = max(0, len(part) - offset) // WIDTH
        words = part[offset : offset + count * WIDTH].copy().view("<u8") & self._mask
        passed = self._bitmap.perhaps(words)
        indices = np.searchsorted(self._anchors, words[passed])
        indices[indices == len(self._anchors)] = 0
        same = self._anchors[indices] == words[passed]
        return offset + WIDTH * passed[same], indices[same]

    def _compared(
        self, buffer: np.ndarray, starts: np.ndarray, positions: np.ndarray, first: np.ndarray
    ) -> pl.DataFrame:
        """Return (text, value) where a whole original stands, by every shape (place, length) of the anchor found."""
        last = np.searchsorted(self._anchors, self._anchors[first], side="right")
        owners = np.searchsorted(starts, positions, side="right") - 1
        shapes: dict[int, list[int]] = {}
        texts, slices = [], []
        for position, low, high, owner in zip(
            *(side.tolist() for side in (positions, first, last, owners)), strict=True
        ):
            if low not in shapes:
                shapes[low] = sorted(set(self._shapes[low:high].tolist()))
            for shape in shapes[low]:
                start = position - (shape >> 16)
                if start >= starts[owner] and start + (shape & LONGEST) <= starts[owner + 1]:
                    texts.append(owner)
                    slices.append(bytes(buffer[start : start + (shape & LONGEST)]))
        found = pl.DataFrame({"text": pl.Series(texts, dtype=pl.Int64), "value": pl.Series(slices, dtype=pl.Binary)})
        found = found.filter(
            pl.Series(self._known.holds(hashes(found["value"])))
        )  # as bytes: some are cut inside a letter
        return found.with_columns(pl.col("value").cast(pl.String))


def _joined(texts: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return the bytes of all texts one after the other, eight zero bytes after them, and where each begins."""
    letters, starts = signs.flat(texts)
    return np.concatenate([letters, np.zeros(WIDTH, np.uint8)]), starts


def _words(buffer: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the eight bytes at each place as a number."""
    if not len(places):
        return np.zeros(0, np.uint64)
    return np.ascontiguousarray(buffer[places[:, None] + np.arange(WIDTH)]).view("<u8").ravel()
