"""Names of people: by lists where the language has one, else by how words of many kinds stand together.

A name is two to five capitalised words. Whether a column of such words holds people, products, places or firms shows in
the words: names draw both ends from large vocabularies, products and places repeat one of them, firms end alike.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from sandbox_suite.datasets import pools
from sandbox_suite.datasets.detection import vocabulary
from sandbox_suite.datasets.detection.counting import FEW, Look, mean
from sandbox_suite.datasets.detection.evidence import Evidence

WORD = r"(?:\p{Lu}(?:\p{Ll}|\p{M})+|\p{Lu}{2,}|\p{Lo}[\p{Lo}\p{M}]*|\p{Lu}\p{Ll}*['’]\p{Lu}\p{Ll}+|[\p{Lo}\p{M}]+)"
JOINED = rf"{WORD}(?:['’\-‐]{WORD}|['’]\p{{Ll}}+)*"
PARTICLE = r"(?:v[ao]n|de[rnl]?|d[aiou]|dos|das|bin|binti|al|el|la|le|y|e|ter|ten|zu|zur|ibn|ben|af|av|'t)"
INITIAL = r"\p{Lu}\."
PERSON = rf"^(?:(?:{JOINED}|{INITIAL}|{PARTICLE}),? ){{1,4}}{JOINED}$"
HAN = r"^\p{Han}{2,4}$"
HANGUL = r"^\p{Hangul}{2,4}$"
MANY = 20  # different values below which structure says nothing
SCRIPT = 0.05  # share of different values from which those of one script are looked at by themselves
SHAPED = 0.85  # share of different values that must be written like people
LISTED = 0.12  # share of different values with both ends on a list
KNOWN_FAMILY = 0.8  # share of Chinese and Korean names that begin with a frequent family name
TOP = 10  # most frequent words of an end
MOST_TOP, MOST_OTHER = 0.55, 0.8  # share of values that these may cover: at the more varied end, at the other
SAME_WORDS = 0.5  # share of last words that may be first words elsewhere
ONE_LENGTH = 0.4  # share of values with the most frequent number of words: titles have many
COMMON, FIRMS = 0.15, 0.12  # share of values that may hold a common word, or what marks a firm


@dataclass(frozen=True)
class Ends:
    """How the first and last words of a column's values are spread."""

    first: pl.Series
    last: pl.Series

    def overlap(self) -> float:
        """Return the share of last words that are first words elsewhere: in titles most are."""
        return mean(self.last.is_in(self.first.unique().implode()))

    def top(self) -> tuple[float, float]:
        """Return the shares that the most frequent words cover: at the more and at the less varied end."""
        shares = [
            int(end.value_counts(sort=True)["count"].head(TOP).sum()) / len(end) for end in (self.first, self.last)
        ]
        return min(shares), max(shares)


def people(look: Look) -> Iterator[Evidence]:
    """Yield what says that a column holds names of people; Chinese and Korean ones are looked at by themselves."""
    if look.numeric or len(look.distinct) < FEW:
        return
    rest = look.distinct
    for script, language in ((HAN, "zh"), (HANGUL, "ko")):
        fitting = rest.filter(rest.str.contains(script))
        if len(fitting) < SCRIPT * len(look.distinct):
            continue
        found = _east(look, fitting, language)
        if found is None:
            return  # words of this script that are no names: the column holds something else
        yield found
        rest = rest.filter(~rest.str.contains(script))
    if len(rest) >= max(FEW, SCRIPT * len(look.distinct)):
        yield from _west(look, rest)


def _west(look: Look, rest: pl.Series) -> Iterator[Evidence]:
    text = untitled(rest)
    shaped = text.filter(text.str.contains(PERSON))
    if len(shaped) < SHAPED * len(text):
        return
    share = len(shaped) / len(look.distinct)
    ends = _ends(shaped)
    yield from _listed(look, ends, share)
    yield from _structured(look, shaped, ends, share)


def untitled(text: pl.Series) -> pl.Series:
    """Return names without the titles, degrees and abbreviations before and after them."""
    return (
        text.str.replace_all(rf"(?i)^(?:(?:{vocabulary.titles()})\.?,? |\p{{L}}{{2,6}}\.,? ?)+", "")
        .str.replace_all(rf"(?i)(?:,? (?:{vocabulary.titles()}|jr|sr|ii|iii|iv|v|phd|md|dds|dvm)\.?,?)+$", "")
        .str.replace_all(r"(?:,? \p{L}{1,3}\.(?:\p{L}{1,8}\.?)*,?|, \p{L}{1,6}\.?)+$", "")
        .str.strip_chars(" ,")
    )


def _ends(shaped: pl.Series) -> Ends:
    words = shaped.str.to_lowercase().str.replace_all(",", "").str.split(" ")
    return Ends(words.list.first(), words.list.last())


def _listed(look: Look, ends: Ends, share: float) -> Iterator[Evidence]:
    given, family = listed()
    first, last = ends.first.is_in(given | family), ends.last.is_in(given | family)
    both = mean(first & last & (ends.first.is_in(given) | ends.last.is_in(given))) * share
    least, most = ends.top()
    if both >= LISTED * share and (least <= MOST_TOP or len(ends.first) < MANY) and most < MOST_OTHER + 0.1:
        note = f"{both:.0%} of {len(look.distinct)} different ones with both ends on a list"
        yield Evidence("name", "words", "given and family names", look.scaled(both), look.values, note)


def _structured(look: Look, shaped: pl.Series, ends: Ends, share: float) -> Iterator[Evidence]:
    if len(shaped) < MANY or len(look.distinct) < 0.1 * min(look.values, 10 * MANY):
        return
    least, most = ends.top()
    if ends.overlap() > SAME_WORDS or least > MOST_TOP or most > MOST_OTHER or _lengths(shaped) < ONE_LENGTH:
        return
    if common(shaped) > COMMON or firms(look.distinct) > FIRMS:
        return
    note = f"the ten most frequent words cover {least:.0%} and {most:.0%} of the ends"
    rule = "two words or more of large vocabularies"
    yield Evidence("name", "structure", rule, look.scaled(share), look.values, note)


def _east(look: Look, fitting: pl.Series, language: str) -> Evidence | None:
    families = _families(language)
    known = mean(fitting.str.slice(0, 1).is_in(families) | fitting.str.slice(0, 2).is_in(families))
    three = mean(fitting.str.len_chars() == 3)
    if len(fitting) < FEW or known < KNOWN_FAMILY or three < 0.2 or len(fitting) < min(MANY, 0.02 * look.values):
        return None
    note = f"{known:.0%} of {len(fitting)} different ones begin with a frequent family name"
    hits = look.scaled(known * len(fitting) / len(look.distinct))
    return Evidence("name", "words", f"family names ({language})", hits, look.values, note)


@functools.cache
def _families(language: str) -> frozenset[str]:
    known = pools.words(f"family.{language}") if language in pools.LANGUAGES else ()
    return vocabulary.words(f"families.{language}") | frozenset(known)


def _lengths(shaped: pl.Series) -> float:
    return int(shaped.str.count_matches(" ").value_counts(sort=True)["count"][0]) / len(shaped)


def common(shaped: pl.Series) -> float:
    """Return the share of values with a common word, which people are not called."""
    words = shaped.str.to_lowercase().str.replace_all(",", "").str.split(" ")
    return mean(words.list.eval(pl.element().is_in(vocabulary.words("common"))).list.any())


def firms(text: pl.Series) -> float:
    """Return the share of values that end or begin as firms do."""
    return mean(text.str.to_lowercase().str.contains(vocabulary.firms()))


@functools.cache
def listed() -> tuple[frozenset[str], frozenset[str]]:
    """Return the given and the family names of all lists, in lower case."""
    given, family = (
        frozenset(
            word.lower()
            for language in pools.LANGUAGES
            for name in pools.words(f"{kind}.{language}")
            for word in name.split()
        )
        for kind in ("given", "family")
    )
    return given, family
