"""Shapes whose values are validated: accepted where clearly more are valid than chance would make."""

from __future__ import annotations

import math
from collections.abc import Iterator

from sandbox_suite.datasets.detection.counting import FEW, Look, shapes_of
from sandbox_suite.datasets.detection.evidence import Evidence, How
from sandbox_suite.datasets.detection.shapes import SSN, Shape

SURE = 0.6  # share of a shape's different values that must be valid, and three times that of chance
MOST = 0.9  # three times a chance counts as this at most
RARE = 0.025  # chance up to which even one valid value says something
LUCK = 5e-3  # the probability that chance made the valid ones must be below this
PLENTY = 0.5  # share of the column from which a shape says what the column is
HOWS: dict[str, How] = {"email": "shape", "phone": "numbering-plan", "ip": "shape"}  # the others have check digits
ALL_VALID = 0.97  # share that must be valid where random values mostly are


def checked(look: Look) -> Iterator[Evidence]:
    """Yield what shapes say of a column."""
    for shape in shapes_of():
        hits = look.hits.get(shape.name, 0)
        if hits:
            yield from _accepted(look, shape, hits)
    yield from _social_security(look)


def _accepted(look: Look, shape: Shape, hits: int) -> Iterator[Evidence]:
    values = look.candidates(shape)
    valid = sum(map(shape.valid, values)) if shape.valid else len(values)
    if not valid or valid < len(values) * max(SURE, min(3 * shape.chance, MOST)):
        return
    if shape.valid and shape.chance and _by_luck(valid, len(values), shape.chance) > LUCK and len(values) < look.values:
        return
    if look.numeric and _counts_on(values):
        return
    how: How = HOWS.get(shape.kind, "check-digit") if shape.valid else "shape"
    note = f"{valid} of {len(values)} different ones valid" if shape.valid else ""
    note += f", chance gives {shape.chance:.1%}" if shape.valid and shape.chance else ""
    strong = shape.inside or hits >= PLENTY * look.values or shape.chance <= RARE
    yield Evidence(shape.kind, how, shape.name, hits, look.values, note, shape.inside, strong)


def _by_luck(valid: int, values: int, chance: float) -> float:
    """Return a bound (Chernoff's) of the probability that chance makes so many valid ones."""
    share = valid / values
    if share <= chance:
        return 1.0
    rest = (1 - share) * math.log((1 - share) / (1 - chance)) if share < 1 else 0.0
    return math.exp(-values * (share * math.log(share / chance) + rest))


def _counts_on(values: list[str]) -> bool:
    """Say whether numbers lie as near to each other as a counter's do."""
    numbers = sorted(int(value) for value in values if value.isdigit())
    return len(numbers) > FEW and numbers[-1] - numbers[0] < 1000 * len(numbers)


def _social_security(look: Look) -> Iterator[Evidence]:
    """Numbers of the USA have no check digit: the column must be full of them, and without areas that do not exist."""
    import polars as pl
    from stdnum.us import ssn

    share = look.share(pl.col("text").str.contains(f"^{SSN}$"))
    if share < PLENTY:
        return
    values = [text for text in look.distinct.to_list() if len(text) == 11 and text[3] == "-"]
    valid = sum(map(ssn.is_valid, values))
    if valid >= ALL_VALID * len(values):
        note = f"{valid} of {len(values)} different ones possible"
        yield Evidence(
            "national_id", "shape", "social security number of the USA", look.scaled(share), look.values, note
        )
