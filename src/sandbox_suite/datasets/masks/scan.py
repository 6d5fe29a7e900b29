"""Finds the spans of whole columns of texts, the same ones as `spans.PYTHON.finditer` in each of them.

A regex engine that looks for all shapes at once is slow on digits: each may begin something. So Rust looks for places
where a shape may begin, and tries the shapes only there, for all texts at once, until no text has such a place.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sandbox_suite.datasets.masks import spans
from sandbox_suite.datasets.masks.pieces import Places, Texts

ROUNDS = 32  # places tried one by one per text; what is left of a text with more is searched at a stroke
CUT = "\x00"  # stands around a span; input that holds one is refused before it comes here
HERE = f"^(?:{spans.RUST})"
AROUND = f"{CUT}${{0}}{CUT}"


def possible(values: pl.Series) -> pl.Series:
    """Return where a text may hold a span."""
    return values.str.contains(spans.START).fill_null(False)


def find(texts: Texts) -> tuple[Places, Places]:
    """Return start and end of each span, in order."""
    places, ends = texts.bounds[:-1], texts.bounds[1:]
    found: list[tuple[Places, Places]] = [(places[:0], places[:0])]
    for _ in range(ROUNDS):
        at = texts.slices(places, ends).str.find(spans.START)
        there = at.is_not_null().to_numpy()
        places, ends = places[there] + at.drop_nulls().to_numpy().astype(np.int64), ends[there]
        if not len(places):
            return _in_order(found)
        taken = _taken(texts.slices(places, ends))
        hit = taken > 0
        found.append((places[hit], places[hit] + taken[hit]))
        places = places + np.where(hit, taken, _width(texts.letters[places]))
    return _in_order([*found, _at_a_stroke(texts, places, ends)])


def _taken(rests: pl.Series) -> Places:
    """Return how many bytes a span at the very start of each text has; 0 for none."""
    size = rests.str.len_bytes() - rests.str.replace(HERE, "").str.len_bytes()
    return size.to_numpy().astype(np.int64)


def _width(leads: NDArray[np.uint8]) -> Places:
    """Return the bytes of the letters that begin so (UTF-8)."""
    return 1 + (leads >= 0xC0).astype(np.int64) + (leads >= 0xE0) + (leads >= 0xF0)


def _at_a_stroke(texts: Texts, places: Places, ends: Places) -> tuple[Places, Places]:
    """Find all spans of the rests of few texts with many."""
    pieces = texts.slices(places, ends).str.replace_all(spans.RUST, AROUND).str.split(CUT)
    sizes = pieces.list.eval(pl.element().str.len_bytes()).to_list()
    starts: list[int] = []
    stops: list[int] = []
    for place, lengths in zip(places.tolist(), sizes, strict=True):
        for number, length in enumerate(lengths):
            if number % 2:
                starts.append(place)
                stops.append(place + length)
            place += length
    return np.array(starts, np.int64), np.array(stops, np.int64)


def _in_order(found: list[tuple[Places, Places]]) -> tuple[Places, Places]:
    starts = np.concatenate([part[0] for part in found])
    order = np.argsort(starts, kind="stable")
    return starts[order], np.concatenate([part[1] for part in found])[order]
