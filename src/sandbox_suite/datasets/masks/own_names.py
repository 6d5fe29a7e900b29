"""A person's own name in a text about them: the whole name, and its parts as words of their own, in any case."""

from __future__ import annotations

import functools
import re

import polars as pl

from sandbox_suite.datasets.masks.words import HAN, HAN_RUST

SHORTEST = 3  # letters of a part that is looked for by itself
_HAN = re.compile(HAN)
_WORD = re.compile(r"[\s.,]+")


@functools.lru_cache(maxsize=4096)
def forms(name: str) -> tuple[str, ...]:
    """Return what is looked for, in lower case, the whole name first. Of a Chinese name also the given name of two."""
    low = name.lower().strip()
    if _HAN.search(low):
        return (low, low[-2:]) if len(low) > SHORTEST - 1 else (low,) * bool(low)
    parts = sorted((part for part in _WORD.split(low) if len(part) >= SHORTEST), key=len, reverse=True)
    return tuple(dict.fromkeys([low, *parts] if len(low) >= SHORTEST else []))


def find(text: str, name: str) -> list[tuple[int, int]]:
    """Return (start, end) of each occurrence, in order, without overlaps."""
    low = text.lower()
    if len(low) != len(text):  # a letter that grows in lower case would move every place
        low = "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)
    found: list[tuple[int, int]] = []
    for form in forms(name):
        start = low.find(form)
        while start >= 0:
            end = start + len(form)
            if _alone(low, start, end) and not any(start < b and a < end for a, b in found):
                found.append((start, end))
            start = low.find(form, start + 1)
    return sorted(found)


def candidates(texts: pl.Series, names: pl.Series) -> pl.Series:
    """Return where `find` may find something: every row where it does, and few others."""
    low, plain = texts.str.to_lowercase(), names.str.to_lowercase()
    frame = pl.DataFrame({"t": low, "n": plain.str.strip_chars()})
    parts = pl.col("n").str.replace_all(r"[\s.,]+", " ").str.split(" ")
    frame = frame.with_columns(parts.alias("p"))
    most = int(frame["p"].list.len().max() or 0)  # type: ignore[arg-type]
    hit = pl.col("t").str.contains(pl.col("n"), literal=True)
    given = pl.col("n").str.slice(-2)
    hit = hit | (pl.col("n").str.contains(HAN_RUST) & pl.col("t").str.contains(given, literal=True))
    for place in range(most):
        part = pl.col("p").list.get(place, null_on_oob=True)
        hit = hit | ((part.str.len_chars() >= SHORTEST) & pl.col("t").str.contains(part, literal=True)).fill_null(False)
    return frame.select((hit & (pl.col("n") != "")).fill_null(False).alias("hit"))["hit"]


def _alone(text: str, start: int, end: int) -> bool:
    """Say whether a Latin name stands as a word; Chinese is written without blanks."""
    if _HAN.match(text[start]):
        return True
    return not (start and _latin(text[start - 1])) and not (end < len(text) and _latin(text[end]))


def _latin(letter: str) -> bool:
    return letter.isalpha() and not _HAN.match(letter)
