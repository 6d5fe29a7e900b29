"""Finds any of millions of originals anywhere in millions of texts: eight bytes of each, looked up at every offset.

Windows of eight bytes are hashed into a bitmap; what passes is searched for among the sorted anchors, and only then
is the whole original compared.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl
import pyarrow as pa

WIDTH = 8  # bytes of an anchor
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio: spreads what is alike
SPARE = 5  # the bitmap has 2**5 bits per anchor
CHUNK = 1 << 22  # bytes looked at in one go
Hits = tuple[np.ndarray, np.ndarray]  # (byte position, index of an anchor), of the same length


class Anchors:
    """Originals by their anchors. Those of fewer than `width` bytes are left out."""

    def __init__(self, values: pl.Series, places: pl.Series | None = None, width: int = WIDTH) -> None:
        """`values` are texts without NULL; `places` is the byte where each one's anchor starts, else its end is it."""
        self._mask = np.uint64((1 << 8 * width) - 1)
        length = values.str.len_bytes()
        ends = length.cast(pl.Int64) - width
        frame = pl.DataFrame({"value": values, "length": length, "place": ends if places is None else places})
        frame = frame.filter(pl.col("length") >= width).unique("value", maintain_order=True)
        frame = frame.with_columns(pl.min_horizontal(pl.col("place").clip(0), pl.col("length").cast(pl.Int64) - width))
        buffer, starts = _joined(frame["value"])
        anchors = _words(buffer, starts[:-1] + frame["place"].to_numpy()) & self._mask
        order = np.argsort(anchors, kind="stable")
        self._content = frame["value"].cast(pl.Binary)
        self._anchors = anchors[order]
        self._shapes = frame.select("place", pl.col("length").cast(pl.Int64)).to_numpy()[order]  # per sorted anchor
        bits = max(16, len(order).bit_length() + SPARE)
        self._shift = np.uint64(64 - bits)
        self._bitmap = np.zeros(1 << (bits - 3), np.uint8)
        byte, bit = self._hashed(self._anchors)
        np.bitwise_or.at(self._bitmap, byte, bit)

    def find(self, texts: pl.Series) -> pl.DataFrame:
        """Return (text: its row in `texts`, value) of each original in each text, once; `texts` are without NULL."""
        buffer, starts = _joined(texts)
        found = [self._compared(buffer, starts, *hits) for hits in self._scan(buffer)]
        schema = {"text": pl.Int64, "value": pl.String}
        return pl.concat([pl.DataFrame(schema=schema), *found]).unique(maintain_order=True)

    def _hashed(self, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the byte and the bit of words in the bitmap."""
        hashed = (words * MULTIPLIER) >> self._shift
        return (hashed >> np.uint64(3)).view(np.int64), np.uint8(1) << (hashed & np.uint64(7)).astype(np.uint8)

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
        byte, bit = self._hashed(words)
        passed = np.flatnonzero(self._bitmap[byte] & bit)
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
        shapes: dict[int, list[list[int]]] = {}
        texts, slices = [], []
        for position, low, high, owner in zip(
            *(side.tolist() for side in (positions, first, last, owners)), strict=True
        ):
            if low not in shapes:
                shapes[low] = np.unique(self._shapes[low:high], axis=0).tolist()
            for place, length in shapes[low]:
                start = position - place
                if start >= starts[owner] and start + length <= starts[owner + 1]:
                    texts.append(owner)
                    slices.append(bytes(buffer[start : start + length]))
        found = pl.DataFrame({"text": pl.Series(texts, dtype=pl.Int64), "value": pl.Series(slices, dtype=pl.Binary)})
        found = found.filter(pl.col("value").is_in(self._content.implode()))  # as bytes: some are cut inside a letter
        return found.with_columns(pl.col("value").cast(pl.String))


def _joined(texts: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return the bytes of all texts one after the other, eight zero bytes after them, and where each begins."""
    array = texts.to_arrow().cast(pa.large_string())
    starts = np.concatenate([[0], np.cumsum(texts.str.len_bytes().to_numpy().astype(np.int64))])
    buffer = array.buffers()[2]
    content = np.frombuffer(buffer, np.uint8)[: starts[-1]] if buffer else np.zeros(0, np.uint8)
    return np.concatenate([content, np.zeros(WIDTH, np.uint8)]), starts


def _words(buffer: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the eight bytes at each place as a number."""
    if not len(places):
        return np.zeros(0, np.uint64)
    return np.ascontiguousarray(buffer[places[:, None] + np.arange(WIDTH)]).view("<u8").ravel()
