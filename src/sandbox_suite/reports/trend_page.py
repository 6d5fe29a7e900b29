"""The trend of a plan as one page: where things stand in its charts, and the page itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox_suite.core.redaction import Redactor
from sandbox_suite.reports.charts import even
from sandbox_suite.reports.history import Entry, Trend
from sandbox_suite.reports.page import TEMPLATES, environment
from sandbox_suite.reports.rendering import redacted

WIDTH, LEFT, RIGHT, HEIGHT = 880, 70, 20, 150
TOP, BOTTOM = 16, 26


@dataclass(frozen=True)
class Point:
    """A job in a chart."""

    x: float
    y: float
    label: str


@dataclass(frozen=True)
class Mark:
    """A mark of the upright axis."""

    y: float
    label: str


@dataclass(frozen=True)
class Course:
    """A figure over the jobs: points, the SVG path through them, and the axis."""

    title: str
    points: tuple[Point, ...]
    path: str
    marks: tuple[Mark, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT


def html(trend: Trend) -> str:
    """Return the page of a trend; names that look like secrets are redacted."""
    content = redacted(trend.as_dict(), Redactor())
    return environment(TEMPLATES).get_template("report_trend.html.j2").render(
        trend=content, courses=[course for course in courses(trend.jobs) if course.points]
    )  # fmt: skip


def courses(jobs: Sequence[Entry]) -> list[Course]:
    """Return the charts of pass rate (percent), whole time (seconds) and latency (milliseconds)."""
    return [
        _course("Pass rate", "%", [None if job.pass_rate is None else job.pass_rate * 100 for job in jobs], jobs),
        _course("Whole time", "s", [job.seconds for job in jobs], jobs),
        _course("Latency p95", "ms", [job.p95_ms for job in jobs], jobs),
    ]


def _course(title: str, unit: str, values: Sequence[float | None], jobs: Sequence[Entry]) -> Course:
    known = [value for value in values if value is not None]
    most = 100.0 if unit == "%" else max(known, default=0.0) or 1.0
    across = (WIDTH - LEFT - RIGHT) / max(1, len(jobs) - 1)

    def height(value: float) -> float:
        return round(HEIGHT - BOTTOM - value / most * (HEIGHT - TOP - BOTTOM), 1)

    points = tuple(
        Point(round(LEFT + at * across, 1), height(value), f"{job.job}: {value:.4g} {unit}, {job.verdict}")
        for at, (job, value) in enumerate(zip(jobs, values, strict=True))
        if value is not None
    )
    path = "M" + "L".join(f"{point.x} {point.y}" for point in points) if points else ""
    marks = tuple(Mark(height(value), f"{value:g} {unit}") for value in _few(most))
    return Course(title, points, path, marks)


def _few(most: float) -> list[float]:
    marks = [mark for mark in even(most) if mark <= most]
    return marks if len(marks) <= 5 else marks[:: (len(marks) + 3) // 4]
