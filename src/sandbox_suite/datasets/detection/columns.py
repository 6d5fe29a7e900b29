"""Looks at one whole column: a rate of two in a thousand is invisible to a sample. Evidence never holds a value."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import polars as pl

from sandbox_suite.datasets import pools
from sandbox_suite.datasets.detection.shapes import EMAIL, INTERNATIONAL_PHONE, Shape, shapes

CHECKED = 400  # distinct values of a shape that are validated
SURE = 0.6  # share of them that must be valid, and three times the share that chance gives
FEW = 5  # distinct values below which shares say nothing
RARE = 0.02  # chance below which even one valid value says something
NAMED = 0.5  # share of distinct values that must be made of names


@dataclass(frozen=True)
class Detected:
    """What a column looks like, and why, without a value of it."""

    kind: str
    evidence: str


def detect(values: pl.Series) -> list[Detected]:
    """Return every kind of personal data that the column seems to hold."""
    text = values.drop_nulls().cast(pl.String)
    found = [*_anywhere(text, "email", EMAIL), *_anywhere(text, "phone", INTERNATIONAL_PHONE)]
    bare = text.str.to_uppercase().str.replace_all(r"[ .\-/()]", "")
    found += [item for shape in shapes() for item in _shaped(bare, shape)]
    if text.str.contains("^[0-9]{3}-[0-9]{2}-[0-9]{4}$").sum() > len(text) / 2:
        found.append(Detected("national_id", "most values are written as US social security numbers"))
    found += _named(text)
    return list({item.kind: item for item in reversed(found)}.values())


def _anywhere(text: pl.Series, kind: str, pattern: str) -> list[Detected]:
    """Shapes that nothing else has: one is enough."""
    count = int(text.str.contains(pattern).sum())
    return [Detected(kind, f"{count} of {len(text)} values hold one")] if count else []


def _shaped(bare: pl.Series, shape: Shape) -> list[Detected]:
    fitting = bare.filter(bare.str.contains(f"^(?:{shape.pattern})$"))
    distinct = fitting.unique(maintain_order=True).head(CHECKED).to_list()
    if len(distinct) < FEW and len(fitting) < len(bare) and shape.chance > RARE:
        return []
    valid = sum(map(shape.valid, distinct))
    if not distinct or valid / len(distinct) <= max(SURE, min(3 * shape.chance, 0.9)):
        return []
    return [
        Detected(
            shape.kind, f"{len(fitting)} of {len(bare)} values by shape, {valid} of {len(distinct)} distinct valid"
        )
    ]


def _named(text: pl.Series) -> list[Detected]:
    distinct = text.unique(maintain_order=True).head(2000).str.to_lowercase().to_list()
    named = sum(map(_is_name, distinct))
    if len(distinct) < FEW or named < NAMED * len(distinct):
        return []
    return [Detected("name", f"{named} of {len(distinct)} distinct values are made of names")]


def _is_name(text: str) -> bool:
    words, family = _names()
    parts = text.split()
    if len(parts) == 1:
        return _chinese(text) and any(text[:size] in family for size in (1, 2))
    return 2 <= len(parts) <= 5 and sum(part in words for part in parts) * 2 >= len(parts)


def _chinese(text: str) -> bool:
    return 2 <= len(text) <= 4 and all("\u4e00" <= letter <= "\u9fff" for letter in text)


@functools.cache
def _names() -> tuple[frozenset[str], frozenset[str]]:
    """Return all known name words, and the Chinese family names."""
    lists = [pools.words(f"{kind}.{language}") for kind in ("given", "family") for language in pools.LANGUAGES]
    return frozenset(word.lower() for words in lists for word in words), frozenset(pools.words("family.zh"))
