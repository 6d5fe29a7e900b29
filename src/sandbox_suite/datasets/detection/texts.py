"""Personal data inside prose that has no shape: names of the lists, and words that people are addressed with."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from sandbox_suite.datasets.detection.counting import Look, mean
from sandbox_suite.datasets.detection.evidence import Evidence, How
from sandbox_suite.datasets.detection.names import listed
from sandbox_suite.datasets.detection.vocabulary import words

PROSE = 3.5  # words a value has on average
PAIR = r"\p{Lu}\p{Ll}+ \p{Lu}\p{Ll}+"
_SINGLE = "".join(sorted(word for word in words("families.zh") if len(word) == 1))
ADDRESSED = (
    r"(?:^|[\s(,])(?:Mr|Mrs|Ms|Dr|Prof|Herrn?|Frau|Mme|Mlle|Monsieur|Madame|Señor|Señora|Sra?|Signora?|Sig|Pan[iíu]?|"
    r"Dhr|Mevr|Senhora?|Hr|Fru|Bay|Bayan|Pak|Bapak|Ibu|Bu)\.? \p{Lu}\p{Ll}{2,}"
    rf"|[{_SINGLE}]\p{{Han}}{{0,2}}(?:先生|女士|小姐|太太)"
    r"|\p{Han}{2,4}(?:さん|様|氏)|\p{Hangul}{2,4}(?:씨|님)"
)
RARE = 0.01  # share of values from which names in prose count
AT_LEAST = 3


def is_prose(look: Look) -> bool:
    """Say whether values are sentences or lines of several words."""
    if look.numeric or not len(look.distinct):
        return False
    if mean(look.distinct.str.count_matches(r"\S+")) >= PROSE:
        return True
    signs = mean(look.distinct.str.len_chars())
    return (
        signs > 15 and look.share(pl.col("text").str.contains(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]{6,}")) > 0.5
    )


def people(look: Look) -> Iterator[Evidence]:
    """Yield what says that prose names people."""
    if not is_prose(look):
        return
    pairs = look.distinct.str.extract_all(PAIR).explode().drop_nulls()
    if len(pairs):
        given, family = listed()
        words = pairs.str.to_lowercase().str.split(" ")
        named = int((words.list.first().is_in(given) & words.list.last().is_in(family)).sum())
        yield from _evidence(look, "words", "given and family names side by side", named / len(look.distinct))
    addressed = look.share(pl.col("text").str.contains(ADDRESSED))
    yield from _evidence(look, "words", "people addressed by title", addressed)


def _evidence(look: Look, how: How, rule: str, share: float) -> Iterator[Evidence]:
    if share >= RARE and share * len(look.distinct) >= AT_LEAST:
        hits = look.scaled(min(share, 1.0))
        yield Evidence("name", how, rule, hits, look.values, inside=True)
