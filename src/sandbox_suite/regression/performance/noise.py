"""How far a figure strays from run to run although nothing has changed. Pure, and robust: one odd run moves little."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

FEWEST = 5  # runs: fewer do not show how a figure strays
DEVIATIONS = 4.0  # robust standard deviations that a band reaches
ROBUST = 1.4826  # from the median deviation to the standard deviation of a normal distribution


@dataclass(frozen=True)
class Band:
    """Where a figure lies while nothing changes: around `middle`, in its own unit."""

    middle: float
    low: float
    high: float


def band(values: Sequence[float], least: float) -> Band | None:
    """Return the band of a figure's earlier values; None for too few.

    It reaches four robust deviations from the median, at least as far as every value that was accepted, and at least
    `least`, in the figure's unit.
    """
    if len(values) < FEWEST:
        return None
    middle = statistics.median(values)
    strays = [abs(value - middle) for value in values]
    reach = max(DEVIATIONS * ROBUST * statistics.median(strays), *strays, least)
    return Band(middle, middle - reach, middle + reach)
