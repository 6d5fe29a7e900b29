"""Numbers without a country: which country's plan they fit, against how many random digits would."""

from __future__ import annotations

import random
from collections.abc import Iterator

import polars as pl

from sandbox_suite.datasets.detection.counting import FEW, Look
from sandbox_suite.datasets.detection.evidence import Evidence

WRITTEN = r"^\(?\+?[0-9(][0-9 ().\-/]{5,20}[0-9](?: ?(?:x|ext\.?|доб\.?) ?[0-9]{1,6})?$"
MARKED = r"^\(?\+|^\(|^0[1-9]|^8[ (]|^0[1-9]?[)/]| |\)|x"  # what codes and counters seldom have
TEMPLATES = 12  # ways to write them that cover nearly all
FIRST = 25  # values that every country is tried with
THEN = 200  # values that the best countries are tried with
MARKS = 0.7  # share of values that must have something of it
MOST = 0.85  # share of values that must be written like numbers
VALID = 0.6
MOBILE = "1[3-9][0-9]{9}"


def phones(look: Look) -> Iterator[Evidence]:
    """Yield what says that a column holds telephone numbers."""
    if len(look.distinct) < FEW * 2:
        return
    yield from _mobile(look)
    if look.numeric or look.share(pl.col("text").str.contains(WRITTEN) & _digits()) < MOST:
        return
    if look.share(pl.col("text").str.contains(MARKED)) < MARKS or not _alike(look):
        return
    values = look.distinct.to_list()
    share, region = _best(values)
    chance = _valid(_shuffled(values[:THEN]), region)
    if share > VALID and (share > 1.15 * chance or _trunk(look)):
        plan = f"best that of {region}, " if region else ""
        note = f"{plan}{share:.0%} of {min(len(values), THEN)} different ones; random digits {chance:.0%}"
        yield Evidence("phone", "numbering-plan", "fits a numbering plan", look.scaled(share), look.values, note)


def _digits() -> pl.Expr:
    return pl.col("text").str.replace_all("[^0-9]", "").str.len_chars().is_between(7, 15)


def _alike(look: Look) -> bool:
    """Say whether few ways of writing cover nearly all values."""
    ways = look.distinct.str.replace_all("[0-9]", "9").value_counts(sort=True)["count"]
    return bool(ways.head(TEMPLATES).sum() >= 0.5 * len(look.distinct))


def _trunk(look: Look) -> bool:
    """Say whether nearly all begin with the 0 of a national number, have separators and many different prefixes."""
    led = look.share(pl.col("text").str.contains(r"^\(?0[1-9]") & pl.col("text").str.contains(r"[ )\-/]"))
    heads = look.distinct.str.replace_all("[^0-9]", "").str.slice(0, 3).n_unique()
    return led >= MARKS and heads >= FEW


def _mobile(look: Look) -> Iterator[Evidence]:
    """Mobile numbers of China, which are written without any separator: eleven digits of many operators."""
    bare = pl.col("text").str.replace_all(r"[ \-]", "")
    share = look.share(bare.str.contains(f"^{MOBILE}$"))
    if share < MOST:
        return
    heads = look.distinct.str.replace_all(r"[ \-]", "").str.slice(0, 3).value_counts(sort=True)
    if len(heads) >= FEW and heads["count"][0] < 0.5 * len(look.distinct):
        note = f"{len(heads)} different prefixes"
        yield Evidence("phone", "numbering-plan", "mobile numbers of China", look.scaled(share), look.values, note)


def _best(values: list[str]) -> tuple[float, str]:
    import phonenumbers

    if sum(value.lstrip("(").startswith("+") for value in values) > MOST * len(values):
        return _possible(values[:THEN]), ""
    first = [(_valid(values[:FIRST], region), region) for region in sorted(phonenumbers.SUPPORTED_REGIONS)]
    best = sorted(first, reverse=True)[:4]
    return max((_valid(values[:THEN], region), region) for _, region in best)


def _possible(values: list[str]) -> float:
    from sandbox_suite.datasets.detection.shapes import international

    return sum(map(international, values)) / len(values)


def _valid(values: list[str], region: str) -> float:
    if not region:
        return 0.0
    return sum(_fits(value, region) for value in values) / len(values)


def _fits(value: str, region: str) -> bool:
    import phonenumbers

    try:
        return bool(phonenumbers.is_valid_number_for_region(phonenumbers.parse(value, region), region))
    except phonenumbers.NumberParseException:
        return False


def _shuffled(values: list[str]) -> list[str]:
    """Return the same ways of writing with other digits."""
    chance = random.Random(1)  # noqa: S311 - the same digits each time, so that a look says the same twice
    return ["".join(str(chance.randrange(10)) if sign.isdigit() else sign for sign in value) for value in values]
