"""Where things stand in the report's charts of time; the template only draws. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, LEFT, RIGHT = 880, 120, 70  # of a chart; the lane names stand left, figures right
ROW, TOP = 26, 26  # height of a step's row; space for the axis
LANE = 46  # height of a suite's lane
JITTER = (0, 7, -7, 12, -12, 3, -10, 10, -3)  # spreads dots that would lie on one another; the same every time
STEPS_OF_AXIS = (1, 2, 5)
MOST_LANES, MOST_DOTS = 30, 4_000  # a chart with more shows nobody anything
NAMED = 20  # of the slowest cases, told by name where a pointer rests


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
    """A mark of an axis. `side` is where its label stands: `start` (right of it), `middle` or `end`."""

    x: float
    label: str
    side: str = "middle"


@dataclass(frozen=True)
class Timeline:
    """Steps as bars over the seconds of the job."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    height: float
    width: int = WIDTH


@dataclass(frozen=True)
class Dot:
    """A case that is told by name in the latency chart."""

    label: str
    passed: bool
    x: float
    y: float


@dataclass(frozen=True)
class Lane:
    """A suite in the latency chart. `rest` is the SVG path of the passed cases that are not told by name."""

    name: str
    y: float
    dots: tuple[Dot, ...]
    rest: str


@dataclass(frozen=True)
class Latency:
    """Cases as dots over a logarithmic axis of milliseconds, a lane per suite, with percentiles as lines."""

    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    marks: tuple[Tick, ...]
    before: tuple[Tick, ...]  # the baseline's percentiles
    left_out: int  # cases that have no dot
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
    ticks = [Tick(LEFT + value * scale, f"{value:g} s") for value in even(end)]
    return Timeline(tuple(bars), tuple(ticks), TOP + len(bars) * ROW + 8)


def latency(
    cases: Sequence[Mapping[str, Any]],
    percentiles: Mapping[str, float | None],
    baseline: Mapping[str, float | None] | None = None,
) -> Latency | None:
    """Place the cases that ran to an answer; None where there are none. Percentiles are `p95_ms` -> milliseconds."""
    ran = [case for case in cases if case["outcome"] in ("passed", "failed")]
    if not ran:
        return None
    shown = sorted(ran, key=lambda case: (case["outcome"] == "passed", -case["seconds"]))[:MOST_DOTS]
    axis = _Axis([_ms(case) for case in shown] + [value for value in (baseline or {}).values() if value])
    suites = sorted({case["suite"] for case in shown})[:MOST_LANES]
    named = {id(case) for case in shown[:NAMED]} | {id(case) for case in shown if case["outcome"] == "failed"}
    lanes = [
        _lane(name, [case for case in shown if case["suite"] == name], named, axis, TOP + 14 + at * LANE + LANE / 2)
        for at, name in enumerate(suites)
    ]
    placed = sum(case["suite"] in suites for case in shown)
    return Latency(
        tuple(lanes), axis.ticks(), _marks(percentiles, axis), _marks(baseline or {}, axis), len(ran) - placed,
        TOP + 22 + len(lanes) * LANE,
    )  # fmt: skip


class _Axis:
    """A logarithmic axis of milliseconds around values."""

    def __init__(self, values: Sequence[float]) -> None:
        self.low, self.high = _decade(min(values), max(values))
        self.scale = (WIDTH - LEFT - RIGHT) / (math.log10(self.high) - math.log10(self.low))

    def place(self, value: float) -> float:
        return LEFT + (math.log10(min(max(value, self.low), self.high)) - math.log10(self.low)) * self.scale

    def ticks(self) -> tuple[Tick, ...]:
        return tuple(Tick(self.place(value), f"{value:g} ms") for value in _logarithmic(self.low, self.high))


def _lane(name: str, own: Sequence[Mapping[str, Any]], named: set[int], axis: _Axis, middle: float) -> Lane:
    dots, rest = [], []
    for number, case in enumerate(own):
        x, y = axis.place(_ms(case)), middle + JITTER[number % len(JITTER)]
        if id(case) in named:
            label = f"{case['name']}: {_ms(case):.1f} ms, {case['outcome']}"
            dots.append(Dot(label, case["outcome"] == "passed", x, y))
        else:
            rest.append(f"M{x:.1f} {y:g}h0")
    return Lane(name, middle, tuple(dots), "".join(rest))


def _marks(percentiles: Mapping[str, float | None], axis: _Axis) -> tuple[Tick, ...]:
    """Return the percentiles as lines; of the labels only those that do not lie on one another."""
    found: list[Tick] = []
    for name, value in percentiles.items():
        if value is None:
            continue
        x, label = axis.place(value), name.removesuffix("_ms")
        if any(mark.label and abs(mark.x - x) < 30 for mark in found):
            label = ""
        found.append(Tick(x, label))
    return tuple(found)


def _ms(case: Mapping[str, Any]) -> float:
    return max(0.1, float(case["seconds"]) * 1000)  # zero has no place on this axis


def _decade(least: float, most: float) -> tuple[float, float]:
    """Return the ends of an axis at 1, 2 or 5 times a power of ten around the values."""
    marks = [step * 10.0**power for power in range(-2, 16) for step in STEPS_OF_AXIS]
    low = max((mark for mark in marks if mark <= least), default=marks[0])
    return low, min((mark for mark in marks if mark >= most and mark > low), default=most * 2)


def _logarithmic(low: float, high: float) -> list[float]:
    marks = [step * 10.0**power for power in range(-2, 16) for step in STEPS_OF_AXIS]
    inside = [mark for mark in marks if low <= mark <= high]
    return inside if len(inside) <= 10 else [mark for mark in inside if f"{mark:e}"[0] == "1"]


def even(end: float) -> list[float]:
    """Return marks from 0 to `end`: at most eight, at 1, 2 or 5 times a power of ten."""
    steps = (step * 10.0**power for power in range(-3, 16) for step in STEPS_OF_AXIS)
    step = next((step for step in steps if end / step <= 7), end or 1)
    return [round(step * number, 6) for number in range(int(end / step) + 1)]
