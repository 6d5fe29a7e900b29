"""Postal addresses: street words of many languages, or words of a large vocabulary around a house number."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from sandbox_suite.datasets.detection.counting import Look
from sandbox_suite.datasets.detection.evidence import Evidence, How
from sandbox_suite.datasets.detection.names import MANY, common
from sandbox_suite.datasets.detection.vocabulary import streets

EAST = r"\p{Han}\p{Hangul}"
NUMBER = (
    rf"(?:^|[\s,.#/号№\-{EAST}])\p{{Nd}}{{1,5}} ?[A-Za-zА-я]?(?:[\-/]\p{{Nd}}{{1,4}}\p{{L}}?)?"
    rf"(?:$|[\s,;./号號{EAST}])"
)
POSTCODE = (
    r"\b(?:\p{Nd}{4,6}|\p{Nd}{3}[ \-]\p{Nd}{2,4}|[A-Z]{1,2}[\- ]?\p{Nd}{3,5}|\p{Nd}{5}-\p{Nd}{3,4}"
    r"|[A-Z]{1,2}\p{Nd}[A-Z\d]? ?\p{Nd}[A-Z]{2})\b"
)
LETTERS = r"\p{L}{3,}|[\p{Han}\p{Hangul}\p{Hiragana}\p{Katakana}]{2,}"
BREAK = r"\S[,;\n]\s*\S"
NUMBERED = 0.7  # share of different values with a number
STREET = 0.35  # share with a street word
VARIED = 0.3  # different words by values: rooms and models repeat theirs


def addresses(look: Look) -> Iterator[Evidence]:
    """Yield what says that a column holds postal addresses."""
    if look.numeric or len(look.distinct) < MANY // 2:
        return
    text = pl.col("text")
    numbered = look.share(text.str.contains(NUMBER) & text.str.contains(LETTERS))
    if numbered < NUMBERED or look.share(text.str.len_chars().is_between(5, 250)) < 0.95:
        return
    street = look.share(text.str.to_lowercase().str.contains(streets()))
    varied = _varied(look)
    if street >= STREET and varied >= VARIED / 3:
        yield _evidence(look, "words", "street words and house numbers", numbered, f"street words in {street:.0%}")
    elif varied >= VARIED and len(look.distinct) >= MANY:
        yield from _structured(look, numbered)


def _structured(look: Look, numbered: float) -> Iterator[Evidence]:
    text = pl.col("text")
    parted = look.share(text.str.contains(BREAK) & text.str.contains(POSTCODE))
    short = look.share(text.str.contains(r"^\p{L}[\p{L}\p{M}.'’\- ]{3,60},? \p{Nd}{1,4} ?\p{L}?(?:[/\-]\p{Nd}{1,4})?$"))
    before = look.share(text.str.contains(r"^\p{Nd}{1,5},? \p{Lu}\p{L}[\p{L}\p{M}.'’\- ]{2,60}$"))
    if parted < 0.6 and max(short, before) < 0.8:
        return
    if common(look.distinct) > 0.2:
        return
    note = f"parts and a postcode in {parted:.0%}, name and number in {max(short, before):.0%}"
    yield _evidence(look, "structure", "many different words around a number", numbered, note)


def _varied(look: Look) -> float:
    """Return different words (numbers taken out) by values."""
    words = look.distinct.str.to_lowercase().str.replace_all(r"[\p{Nd}\W]+", " ").str.strip_chars()
    return words.n_unique() / len(words)


def _evidence(look: Look, how: How, rule: str, share: float, note: str) -> Evidence:
    return Evidence("address", how, rule, look.scaled(share), look.values, note)
