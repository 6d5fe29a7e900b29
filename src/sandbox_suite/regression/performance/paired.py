"""Times in pairs: how much slower the second of each pair is, and how sure that is. Pure.

A pair is one case, measured for both sides under the same conditions. Of each pair the logarithm of the ratio counts,
so that a quick case weighs as much as a slow one. The shift is Hodges and Lehmann's: the median of all averages of two
differences; the interval holds every shift that Wilcoxon's signed-rank test does not refute. Both shrug off outliers:
a quarter of the pairs may be anything.

A difference is told only where the whole interval lies beyond the tolerance.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Finding = Literal["slower", "faster", "same", "unclear"]
TOLERANCE = 0.03  # a share: a difference this small is none
SURE = 2.576  # standard deviations: 99.5 % on each side
FEWEST, MOST = 10, 2_000  # pairs: fewer tell nothing, of more every n-th is taken


@dataclass(frozen=True)
class Evidence:
    """What pairs of times say. Ratios are second by first: 1.1 is a tenth slower; `low` to `high` is the interval."""

    pairs: int
    ratio: float | None  # None: too few pairs
    low: float | None
    high: float | None
    tolerance: float
    finding: Finding  # same: the interval lies within the tolerance; unclear: across its edge

    def as_dict(self) -> dict[str, Any]:
        """Return the evidence as JSON."""
        return asdict(self)


def compare(first: Sequence[float], second: Sequence[float], tolerance: float = TOLERANCE) -> Evidence:
    """Compare times pair by pair, in any one unit above 0; pairs with a time that is not are left out."""
    differences = [math.log(new / old) for old, new in zip(first, second, strict=True) if old > 0 and new > 0]
    kept = thinned(differences, MOST)
    found = shift(kept)
    if found is None:
        return Evidence(len(kept), None, None, None, tolerance, "unclear")
    ratio, low, high = (round(math.exp(value), 5) for value in found)
    return Evidence(len(kept), ratio, low, high, tolerance, _finding(low, high, tolerance))


def thinned(differences: Sequence[float], most: int) -> Sequence[float]:
    """Return at most so many of the differences, evenly."""
    return differences[:: -(-len(differences) // most) or 1]


def shift(differences: Sequence[float]) -> tuple[float, float, float] | None:
    """Return the shift of paired differences and the interval that is sure to hold it; None for too few."""
    count = len(differences)
    if count < FEWEST:
        return None
    import numpy

    values = numpy.asarray(differences, dtype=float)
    above, beside = numpy.triu_indices(count)
    averages = numpy.sort((values[above] + values[beside]) / 2)
    spread = math.sqrt(count * (count + 1) * (2 * count + 1) / 24)
    outside = max(0, math.floor(len(averages) / 2 - SURE * spread))
    middle = float(numpy.median(averages))
    return middle, float(averages[outside]), float(averages[len(averages) - 1 - outside])


def _finding(low: float, high: float, tolerance: float) -> Finding:
    slower, faster = 1 + tolerance, 1 / (1 + tolerance)
    if low > slower:
        return "slower"
    if high < faster:
        return "faster"
    return "same" if faster <= low and high <= slower else "unclear"
