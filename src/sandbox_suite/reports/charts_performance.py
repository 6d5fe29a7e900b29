"""Where things stand in the report's chart of the latency against a baseline; the template only draws. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox_suite.reports.charts import WIDTH, Tick

LEFT, RIGHT = 24, 24
STEPS = (0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Shift:
    """How the latency of all cases stands to the baseline's: an interval over a band, on an axis of percent."""

    low: float
    high: float
    middle: float
    zero: float
    band: tuple[float, float] | None
    ticks: tuple[Tick, ...]
    shown: str
    height: float = 74
    width: int = WIDTH


def shift(performance: Mapping[str, Any] | None) -> Shift | None:
    """Place the shift against a stored baseline; None where there is none, or too few pairs."""
    return _placed((performance or {}).get("latency"))


def firm(performance: Mapping[str, Any] | None) -> Shift | None:
    """Place the shift against a version that ran interleaved; None where none did."""
    return _placed(((performance or {}).get("interleaved") or {}).get("evidence"))


def _placed(told: Mapping[str, Any] | None) -> Shift | None:
    if not told or told["ratio"] is None:
        return None
    low, middle, high = (told[name] - 1 for name in ("low", "ratio", "high"))
    band = [value - 1 for value in told["band"]] if told.get("band") else []
    ends = [low, high, *band, -0.02, 0.02]
    least, most = min(ends), max(ends)
    step = next((step for step in STEPS if (most - least) / step <= 8), STEPS[-1])
    first, last = max(int(least // step), -int(1 / step)), int(-(-most // step))  # nothing is under -100 %
    scale = (WIDTH - LEFT - RIGHT) / ((last - first) * step)

    def place(value: float) -> float:
        return LEFT + (value - first * step) * scale

    ticks = tuple(
        Tick(
            place(number * step),
            f"{100 * number * step:+.0f} %" if number else "0 %",
            "start" if number == first else "middle",
        )
        for number in range(first, last)
    )
    return Shift(
        place(low), place(high), place(middle), place(0), (place(band[0]), place(band[1])) if band else None, ticks,
        f"{100 * middle:+.1f} %, surely {100 * low:+.1f} % to {100 * high:+.1f} %",
    )  # fmt: skip
