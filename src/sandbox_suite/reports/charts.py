"""Where things stand in the report's two charts; the template only draws. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, LEFT, RIGHT = 880, 120, 70  # of a chart; the lane names stand left, figures right
ROW, TOP = 26, 26  # height of a step's row; space for the axis
LANE = 46  # height of a suite's lane
JITTER = (0, 7, -7, 12, -12, 3, -10, 10, -3)  # spreads dots that would lie on one another; the same every time
STEPS_OF_AXIS = (1, 2, 5)


@dataclass(frozen=True)
class Bar:
    """A step in the timeline."""

    name: str
    outcome: str
    seconds: float
    x: float
    width: float
    y: float


@dataclass(frozen=True)
class Tick:
    """A mark of an axis."""

    x: float
    label: str


@dataclass(frozen=True)
class Timeline:
    """Steps as bars over the seconds of the job."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    height: float
    width: int = WIDTH


@dataclass(frozen=True)
class Dot:
    """A case in the latency chart."""

    label: str
    passed: bool
    x: float
    y: float


@dataclass(frozen=True)
class Lane:
    """A suite in the latency chart."""

    name: str
    y: float
    dots: tuple[Dot, ...]


@dataclass(frozen=True)
class Latency:
    """Cases as dots over a logarithmic axis of milliseconds, a lane per suite, with percentiles as lines."""

    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    marks: tuple[Tick, ...]
    height: float
    width: int = WIDTH


def timeline(steps: Sequence[Mapping[str, Any]]) -> Timeline:
    """Place the steps; one whose start was not noted begins where the one before ended."""
    starts, end = [], 0.0
    for step in steps:
        starts.append(end if step["started"] is None else step["started"])
        end = max(end, starts[-1] + step["seconds"])
    scale = (WIDTH - LEFT - RIGHT) / (end or 1)
    bars = [
        Bar(step["name"], step["outcome"], step["seconds"], LEFT + start * scale, max(2.0, step["seconds"] * scale),
            TOP + at * ROW)
        for at, (step, start) in enumerate(zip(steps, starts, strict=True))
    ]  # fmt: skip
    ticks = [Tick(LEFT + value * scale, f"{value:g} s") for value in _even(end)]
    return Timeline(tuple(bars), tuple(ticks), TOP + len(bars) * ROW + 8)


def latency(cases: Sequence[Mapping[str, Any]], percentiles: Mapping[str, float | None]) -> Latency | None:
    """Place the cases that ran to an answer; None where there are none."""
    ran = [case for case in cases if case["outcome"] in ("passed", "failed")]
    if not ran:
        return None
    low, high = _decade(min(_ms(case) for case in ran), max(_ms(case) for case in ran))
    scale = (WIDTH - LEFT - RIGHT) / (math.log10(high) - math.log10(low))

    def place(value: float) -> float:
        return LEFT + (math.log10(max(value, low)) - math.log10(low)) * scale

    lanes = []
    for at, suite in enumerate(sorted({case["suite"] for case in ran})):
        middle = TOP + 14 + at * LANE + LANE / 2
        own = [case for case in ran if case["suite"] == suite]
        dots = tuple(
            Dot(f"{case['name']}: {_ms(case):.1f} ms, {case['outcome']}", case["outcome"] == "passed",
                place(_ms(case)), middle + JITTER[number % len(JITTER)])
            for number, case in enumerate(own)
        )  # fmt: skip
        lanes.append(Lane(suite, middle, dots))
    ticks = tuple(Tick(place(value), f"{value:g} ms") for value in _logarithmic(low, high))
    marks = tuple(
        Tick(place(value), name.removesuffix("_ms")) for name, value in percentiles.items() if value is not None
    )
    return Latency(tuple(lanes), ticks, marks, TOP + 22 + len(lanes) * LANE)


def _ms(case: Mapping[str, Any]) -> float:
    return max(0.1, float(case["seconds"]) * 1000)  # zero has no place on this axis


def _decade(least: float, most: float) -> tuple[float, float]:
    """Return the ends of an axis at 1, 2 or 5 times a power of ten around the values."""
    marks = [step * 10.0**power for power in range(-2, 8) for step in STEPS_OF_AXIS]
    low = max(mark for mark in marks if mark <= least)
    return low, min((mark for mark in marks if mark >= most and mark > low), default=most * 2)


def _logarithmic(low: float, high: float) -> list[float]:
    marks = [step * 10.0**power for power in range(-2, 8) for step in STEPS_OF_AXIS]
    inside = [mark for mark in marks if low <= mark <= high]
    return inside if len(inside) <= 10 else [mark for mark in inside if f"{mark:e}"[0] == "1"]


def _even(end: float) -> list[float]:
    """Return marks from 0 to `end`: at most eight, at 1, 2 or 5 times a power of ten."""
    steps = (step * 10.0**power for power in range(-3, 6) for step in STEPS_OF_AXIS)
    step = next((step for step in steps if end / step <= 7), end or 1)
    return [round(step * number, 6) for number in range(int(end / step) + 1)]
