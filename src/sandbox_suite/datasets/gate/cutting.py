"""Cuts spans out of a whole column of texts, by places in letters, with numpy on their bytes."""

import numpy as np
import polars as pl

from sandbox_suite.datasets.gate import signs
from sandbox_suite.datasets.gate.surfaces import CUT


def cut(
    texts: pl.Series, rows: pl.Series, starts: pl.Series, ends: pl.Series
) -> tuple[pl.Series, pl.Series, pl.Series]:
    """Return (what each span holds, the texts with CUT for each span, which texts' spans do not fit them).

    `texts` are without NULL; spans are in the order of their rows. Spans that overlap, are empty or leave their text do
    not fit it; such a text stays as it is, and its spans hold nothing.
    """
    letters, bounds = signs.flat(texts)
    begins = np.flatnonzero((letters & 0xC0) != 0x80)  # the byte where each letter begins
    firsts = np.searchsorted(begins, bounds)  # the letter that each text begins with
    row = rows.to_numpy()
    start, end = (item.fill_null(-1).to_numpy() for item in (starts, ends))
    size = np.diff(firsts)[row]
    same = np.append(False, row[1:] == row[:-1]) if len(row) else np.zeros(0, bool)
    after = np.where(same, np.append(0, end[:-1]) if len(end) else end, 0)
    torn = np.zeros(len(texts), bool)
    torn[row[~((after <= start) & (start < end) & (end <= size))]] = True
    good = ~torn[row]
    places = np.append(begins, len(letters))
    low, high = (places[np.where(good, firsts[row] + item, 0)] for item in (start, end))
    edges = np.zeros(len(letters) + 1, np.int8)
    edges[low[good]] += 1
    np.subtract.at(edges, high[good], 1)
    inside = np.cumsum(edges[:-1], dtype=np.int8).astype(bool)
    held = np.concatenate([[0], np.cumsum(np.where(good, high - low, 0))])
    marked = letters.copy()
    marked[low[good]] = ord(CUT)
    kept = ~inside
    kept[low[good]] = True
    return signs.texts(letters[inside], held), signs.texts(*signs.without(marked, bounds, kept)), pl.Series(torn)
