"""What harmless columns are: it helps to write a policy, and says what a table's other columns can lean on."""

from __future__ import annotations

import functools

import polars as pl

from sandbox_suite.datasets.detection.counting import FEW, Look

UUID = r"(?i)^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$"
LOCALE = r"^[a-z]{2}[_\-][A-Z]{2}$"
NEAR = 1000  # a counter's numbers reach at most so far for each value


def form(look: Look) -> str:
    """Return `counter`, `uuid`, `country`, `locale`, or nothing."""
    if not len(look.distinct):
        return ""
    if look.numeric:
        return "counter" if _counts(look) else ""
    if look.share(pl.col("text").str.contains(UUID)) == 1:
        return "uuid"
    if look.share(pl.col("text").str.contains(LOCALE)) == 1:
        return "locale"
    return "country" if look.share(pl.col("text").str.to_uppercase().is_in(_countries())) == 1 else ""


def _counts(look: Look) -> bool:
    numbers = look.distinct.cast(pl.Float64, strict=False).drop_nulls()
    if len(numbers) < FEW or len(numbers) < len(look.distinct):
        return len(numbers) == len(look.distinct) and bool((numbers < NEAR).all())
    low, high = numbers.sort().gather([0, len(numbers) - 1]).to_list()
    return bool(high - low <= NEAR * look.values)


@functools.cache
def _countries() -> list[str]:
    import phonenumbers

    return sorted(phonenumbers.SUPPORTED_REGIONS)
