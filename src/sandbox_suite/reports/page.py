"""The page: what of a report is shown in full, in short or not at all, so that it stays one file that opens at once.

Everything is in report.json; the page names what it leaves out. All that scripts said is hostile: it is escaped here or
by the template.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.reports import charts, charts_performance, charts_resources, wording

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

TEMPLATES = CHECKOUT / "templates"
PAGE = "report.html.j2"
DETAILS = 600_000  # characters of markup that failures may take
ROWS = 450_000  # characters of markup that the table of cases may take
LONGEST = 4_000  # characters shown of one text
ROW = 260  # characters of a row's own markup
FILTERS = {
    "percent": wording.percent,
    "ms": wording.milliseconds,
    "seconds": wording.seconds,
    "mib": wording.mebibytes,
    "change": wording.change,
    "measure": wording.measure,
    "bound": wording.bound,
    "shown": wording.shown,
    "counted": wording.counted,
}


@dataclass(frozen=True)
class Detail:
    """A case that is told in full. The texts are markup already."""

    case: Mapping[str, Any]
    message: "Markup"
    request: "Markup"
    response: "Markup"
    plugin_log: "Markup"
    before: str  # the case before it in its suite
    after: str
    from_share: float | None  # where it stands in its suite's time, 0..1
    share: float


def html(content: Mapping[str, Any]) -> str:
    """Return the page made of what report.json holds."""
    problems = worst_first(content["cases"])
    details = list(_details(problems, content))
    rows = _rows(content["cases"])
    baseline = content.get("baseline")
    return _environment().get_template(PAGE).render(
        report=content,
        problems=problems,
        details=details,
        suite_logs=_suite_logs(problems),
        rows=rows,
        names=wording.NAMES,
        verdicts=wording.VERDICTS,
        baseline=baseline,
        timeline=charts.timeline(content["steps"]),
        latency=charts.latency(content["cases"], percentiles(content["latency"]), (baseline or {}).get("latency")),
        memory=charts_resources.memory(content.get("resources", []), baseline),
        cpu=charts_resources.cpu(content.get("resources", []), baseline),
        shift=charts_performance.shift(content.get("performance")),
        firm=charts_performance.firm(content.get("performance")),
        courses=charts_resources.courses(content.get("resources", [])),
    )  # fmt: skip


def worst_first(cases: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the cases that did not simply pass or were skipped: whole suites, then critical ones, flaky ones last."""
    found = [case for case in cases if case["flaky"] or case["outcome"] in ("failed", "error")]
    return sorted(found, key=lambda case: (case["flaky"], case["name"] != "(suite)", not case["critical"]))


def percentiles(latency: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the percentiles of a report's latency."""
    return {name: value for name, value in latency.items() if name in ("p50_ms", "p95_ms", "p99_ms")}


def _details(problems: Sequence[Mapping[str, Any]], content: Mapping[str, Any]) -> Iterator[Detail]:
    """Yield the problems that fit, the worst first."""
    seconds = {suite["name"]: suite["seconds"] for suite in content.get("suites", [])}
    beside = _neighbours(content["cases"])
    left = DETAILS
    for case in problems:
        message, request, response = (_text(case[name]) for name in ("message", "request", "response"))
        plugin_log = _text("\n".join(case.get("plugin_log", [])))
        left -= 1_000 + sum(map(len, (message, request, response, plugin_log))) + 3 * len(case["id"])
        if left < 0:
            return
        begins, whole = case.get("begins"), seconds.get(case["suite"])
        before, after = beside.get(case["id"], ("", ""))
        yield Detail(
            case, message, request, response, plugin_log, before, after,
            from_share=min(begins / whole, 1) if begins is not None and whole else None,
            share=min(case["seconds"] / whole, 1) if whole else 0,
        )  # fmt: skip


def _neighbours(cases: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, str]]:
    """Return the names of the cases before and after each one in its suite."""
    found: dict[str, tuple[str, str]] = {}
    for at, case in enumerate(cases):
        near = [cases[other] if 0 <= other < len(cases) else None for other in (at - 1, at + 1)]
        before, after = (
            one["name"] if one and one["suite"] == case["suite"] and one["name"] != "(suite)" else "" for one in near
        )
        found[case["id"]] = (before, after)
    return found


def _suite_logs(problems: Sequence[Mapping[str, Any]]) -> "dict[str, Markup]":
    """Return the last lines of the log of each suite that had a problem: once, not with each of its cases."""
    logs = {case["suite"]: case["log"] for case in reversed(problems) if case["log"]}
    return {suite: _text("\n".join(lines), 4 * LONGEST, end=True) for suite, lines in list(logs.items())[:20]}


def _rows(cases: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the cases that fit into the table, in their order: problems and critical cases before the others."""
    order = sorted(range(len(cases)), key=lambda at: (cases[at]["outcome"] == "passed", not cases[at]["critical"]))
    left, kept = ROWS, set()
    for at in order:
        left -= ROW + len(_text(cases[at]["name"])) + len(_text(cases[at]["suite"]))
        if left < 0:
            break
        kept.add(at)
    return [case for at, case in enumerate(cases) if at in kept]


def _text(said: str, longest: int = LONGEST, end: bool = False) -> "Markup":
    """Return a text as markup, cut to a readable length."""
    from markupsafe import Markup, escape

    if len(said) <= longest:
        return escape(said)
    cut = escape(said[-longest:] if end else said[:longest])
    note = Markup("<em>{} of {:,} characters; all of it is in report.json</em>").format(
        "the last" if end else "the first", len(said)
    )
    return Markup("{}\n{}").format(note, cut) if end else Markup("{}\n{}").format(cut, note)


@functools.cache
def _environment() -> "jinja2.Environment":
    return environment(TEMPLATES)


def environment(templates: Path) -> "jinja2.Environment":
    """Return what templates are rendered with: everything escaped, whatever a template is called."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= FILTERS
    return made
