"""Where things stand in the report's charts of resources; the template only draws. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox_suite.reports.charts import LEFT, ROW, TOP, WIDTH, Tick, even

RIGHT = 150  # space for the figures
MIB = 1 << 20
LINE_HEIGHT = 90  # of a part's course over time


@dataclass(frozen=True)
class Row:
    """A part's bar. `limit` and `baseline` are places on the axis, None where there is none."""

    name: str
    width: float
    y: float
    shown: str
    limit: float | None = None
    baseline: float | None = None


@dataclass(frozen=True)
class Bars:
    """One figure of every part."""

    title: str
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    height: float
    width: int = WIDTH
    left: int = LEFT


@dataclass(frozen=True)
class Course:
    """A part's CPU and memory while the regression ran: two SVG paths over the same axis of seconds."""

    name: str
    cpu: str
    memory: str
    most_cpu: float
    most_memory_mib: float
    ticks: tuple[Tick, ...]
    height: float = LINE_HEIGHT + TOP
    width: int = WIDTH


def memory(resources: Sequence[Mapping[str, Any]], baseline: Mapping[str, Any] | None) -> Bars | None:
    """Place each part's peak of memory against its limit and its baseline; None where nothing was measured."""
    return _bars("Peak of memory", resources, baseline, "memory_peak_bytes", "memory_limit_bytes", MIB, "MiB")


def cpu(resources: Sequence[Mapping[str, Any]], baseline: Mapping[str, Any] | None) -> Bars | None:
    """Place each part's CPU time while the suites ran against its baseline; where nobody counted, since its start."""
    if any(item.get("regression_cpu_seconds") is not None for item in resources):
        return _bars("CPU time while the suites ran", resources, baseline, "regression_cpu_seconds", "", 1, "s")
    return _bars("CPU time", resources, baseline, "cpu_seconds", "", 1, "s")


def _bars(
    title: str, resources: Sequence[Mapping[str, Any]], baseline: Mapping[str, Any] | None,
    figure: str, limit: str, unit: int, word: str,
) -> Bars | None:  # fmt: skip
    known = [item for item in resources if item.get(figure) is not None]
    if not known:
        return None
    before = {item["part"]: _before(baseline, item["part"], figure) for item in known}
    most = max(value for item in known for value in (item[figure], item.get(limit) or 0, before[item["part"]] or 0))
    scale = (WIDTH - LEFT - RIGHT) / ((most or 1) / unit)

    def place(value: float | None) -> float | None:
        return None if value is None else LEFT + value / unit * scale

    rows = [
        Row(
            item["part"], max(1.0, item[figure] / unit * scale), TOP + at * ROW,
            _shown(item[figure], item.get(limit), before[item["part"]], unit, word),
            place(item.get(limit)), place(before[item["part"]]),
        )
        for at, item in enumerate(known)
    ]  # fmt: skip
    ticks = tuple(Tick(LEFT + value * scale, f"{value:g} {word}") for value in even(most / unit))
    return Bars(title, tuple(rows), ticks, TOP + len(rows) * ROW + 8)


def _before(baseline: Mapping[str, Any] | None, part: str, figure: str) -> float | None:
    value: float | None = ((baseline or {}).get("resources") or {}).get(part, {}).get(figure)
    return value


def _shown(value: float, limit: float | None, before: float | None, unit: int, word: str) -> str:
    parts = [f"{value / unit:.3g} {word}"]
    parts += [f"of {limit / unit:.4g}"] if limit else []
    parts += [f"({value / before - 1:+.0%})"] if before else []
    return " ".join(parts)


def courses(resources: Sequence[Mapping[str, Any]]) -> list[Course]:
    """Place the samples of each part that has two or more."""
    return [_course(item["part"], item["samples"]) for item in resources if len(item["samples"]) > 1]


def _course(name: str, samples: Sequence[Mapping[str, Any]]) -> Course:
    end = max(sample["at"] for sample in samples) or 1
    scale = (WIDTH - LEFT - RIGHT) / end
    cpu_most = max(sample["cpu"] for sample in samples)
    memory_most = max(sample["memory_bytes"] for sample in samples)

    def path(figure: str, most: float) -> str:
        high = (LINE_HEIGHT - 12) / (most or 1)
        points = (
            f"{LEFT + sample['at'] * scale:.1f} {TOP + LINE_HEIGHT - sample[figure] * high:.1f}" for sample in samples
        )
        return "M" + "L".join(points)

    ticks = tuple(Tick(LEFT + value * scale, f"{value:g} s") for value in even(end))
    return Course(
        name, path("cpu", cpu_most), path("memory_bytes", memory_most), cpu_most, round(memory_most / MIB, 1), ticks
    )
