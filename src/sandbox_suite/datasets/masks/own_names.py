"""A person's own name in a text about them: the whole name, and its parts as words of their own, in any case."""

from __future__ import annotations

import functools
import re

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sandbox_suite.datasets.masks import columns
from sandbox_suite.datasets.masks.words import HAN, HAN_RUST

SHORTEST = 3  # letters of a part that is looked for by itself
GAP = r"[\s.,]+"
# Letters of Latin-1 and Latin Extended-A but for İ, and what Chinese is written with: each is as long in lower case.
PLAIN = r"^[\x20-\x7e\x{a0}-\x{12f}\x{131}-\x{17f}\x{3000}-\x{3002}\x{4e00}-\x{9fff}\x{ff00}-\x{ff20}]*$"
NO_LETTER = r"[\x20-@\[-`{-\x7e\x{3000}-\x{3002}\x{4e00}-\x{9fff}\x{ff00}-\x{ff20}]"
BEFORE, AFTER = f"(?:^|{NO_LETTER})$", f"^(?:$|{NO_LETTER})"
Numbers = NDArray[np.int64]
_HAN = re.compile(HAN)
_WORD = re.compile(GAP)


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
    frame = pl.DataFrame({"t": texts.str.to_lowercase(), "n": names.str.to_lowercase().str.strip_chars()})
    spaced = columns.replaced(
        frame["n"],
        frame["n"].str.contains(r"[.,]|[^\S ]|  ").fill_null(False),
        lambda some: some.str.replace_all(GAP, " "),
    )
    frame = frame.with_columns(spaced.str.split(" ").alias("p"))
    most = int(frame["p"].list.len().max() or 0)  # type: ignore[arg-type]
    hit = pl.col("t").str.contains(pl.col("n"), literal=True)
    for place in range(most if most > 1 else 0):  # a name of one part is that part
        part = pl.col("p").list.get(place, null_on_oob=True)
        hit = hit | ((part.str.len_chars() >= SHORTEST) & pl.col("t").str.contains(part, literal=True)).fill_null(False)
    hits = frame.select((hit & (pl.col("n") != "")).fill_null(False).alias("hit"))["hit"]
    chinese = frame["n"].str.contains(HAN_RUST).fill_null(False) & ~hits
    return columns.replaced(hits, chinese, lambda _: _given(frame.filter(chinese)))


def _given(frame: pl.DataFrame) -> pl.Series:
    return frame.select(pl.col("t").str.contains(pl.col("n").str.slice(-2), literal=True).fill_null(False)).to_series()


def places(texts: pl.Series, names: pl.Series) -> tuple[Numbers, Numbers, Numbers]:
    """Return row, start and end of all that `find` finds in whole columns without NULL; places are bytes, in no order.

    Most rows hold the whole name once and nothing else of it: those are found by Rust.
    """
    rows = candidates(texts, names).arg_true()
    some, own = texts.gather(rows), names.gather(rows)
    at, size, alone = _once(some, own)
    whole, start = rows.filter(alone).to_numpy(), at.filter(alone).to_numpy().astype(np.int64)
    rest = zip(*(item.filter(~alone) for item in (rows, some, own)), strict=True)
    found = [
        (row, _bytes(text, first), _bytes(text, last)) for row, text, name in rest for first, last in find(text, name)
    ]
    more = np.array(found, np.int64).reshape(-1, 3)
    ends = start + size.filter(alone).to_numpy()
    return np.append(whole, more[:, 0]), np.append(start, more[:, 1]), np.append(ends, more[:, 2])


def _once(texts: pl.Series, names: pl.Series) -> tuple[pl.Series, pl.Series, pl.Series]:
    """Return where in bytes each text first holds its name in any case, the name's bytes, and whether that is all.

    Of letters that are not PLAIN nothing is said: others change their size with their case, or are letters to one
    engine alone.
    """
    frame = pl.DataFrame({"t": texts, "n": names.str.strip_chars()}).with_columns(
        plain=pl.col("t").str.contains(PLAIN) & pl.col("n").str.contains(PLAIN), t=pl.col("t").str.to_lowercase()
    )
    frame = frame.with_columns(pl.col("n").str.to_lowercase()).with_columns(
        at=pl.col("t").str.find(pl.col("n"), literal=True), size=pl.col("n").str.len_bytes()
    )
    whole = frame["t"].cast(pl.Binary)
    cut = pl.DataFrame({"w": whole, "at": frame["at"], "end": frame["at"] + frame["size"]}).select(
        before=pl.col("w").bin.slice(0, pl.col("at")).cast(pl.String),
        after=pl.col("w").bin.slice(pl.col("end")).cast(pl.String),
    )
    latin = (pl.col("n").str.len_chars() >= SHORTEST) & ~pl.col("n").str.contains(HAN_RUST)
    edged = pl.col("before").str.contains(BEFORE) & pl.col("after").str.contains(AFTER)
    alone = pl.col("plain") & ((latin & edged) | pl.col("n").str.contains(f"^{HAN_RUST}"))
    told = pl.concat([frame, cut], how="horizontal")
    more = candidates(told["before"], told["n"]) | candidates(told["after"], told["n"])
    return frame["at"], frame["size"], told.select(alone.fill_null(False)).to_series() & ~more


def _bytes(text: str, place: int) -> int:
    return len(text[:place].encode())


def _alone(text: str, start: int, end: int) -> bool:
    """Say whether a Latin name stands as a word; Chinese is written without blanks."""
    if _HAN.match(text[start]):
        return True
    return not (start and _latin(text[start - 1])) and not (end < len(text) and _latin(text[end]))


def _latin(letter: str) -> bool:
    return letter.isalpha() and not _HAN.match(letter)
