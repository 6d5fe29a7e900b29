"""report.compare, report.trend, report.export: reports side by side, over time, and for elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from sandbox_suite.core.settings import settings
from sandbox_suite.tasks import output

if TYPE_CHECKING:
    from sandbox_suite.reports import history
    from sandbox_suite.reports.comparison import Comparison, Figure

JSON_HELP = "one JSON document on stdout, everything else on stderr"
SHOWN = 40  # changed cases


@task(
    help={
        "before": "a job (its id, or the beginning of it), a report.json, or an export",
        "after": "the one that is judged",
        "json": JSON_HELP,
    }
)
def compare(context: Context, before: str, after: str, json: bool = False) -> None:
    """Compare two reports: cases that changed, times, figures. Ends with 1 when the second is worse."""
    from sandbox_suite.reports import comparison, reading

    home = settings().home
    found = comparison.compare(reading.load(home, before), reading.load(home, after))
    if json:
        output.facts(found.as_dict())
    else:
        _tell(found)
    if found.worse:
        raise Exit(code=1)


def _tell(found: "Comparison") -> None:
    for name, about in (("before", found.before), ("after", found.after)):
        output.lines(
            [f"{name:<7} {about['verdict']:<10} {about['job']}  plan {about['plan']}, {about['plugin']}"
             f" on {about['dataset']}"]
        )  # fmt: skip
    output.lines(["", "worse:" if found.worse else "not worse", *(f"  {reason}" for reason in found.reasons), ""])
    output.table(
        ("case", "before", "after", ""),
        [(change.id, change.before, change.after, change.kind) for change in found.cases[:SHOWN]],
        empty="no case ended differently",
    )
    if len(found.cases) > SHOWN:
        output.lines([f"and {len(found.cases) - SHOWN} more: --json tells all"])
    for title, figures, unit in (("figure", found.figures, ""), ("step", found.steps, " s"),
                                 ("slower case", found.slower, " ms")):  # fmt: skip
        output.lines([""])
        output.table((title, "before", "after", "change"), [_row(item, unit) for item in figures], empty=f"no {title}")


def _row(item: "Figure", unit: str) -> tuple[str, ...]:
    from sandbox_suite.reports.wording import change

    def shown(value: float | None) -> str:
        return "–" if value is None else f"{value:.4g}{unit}" if value < 1e5 else f"{value:,.0f}{unit}"

    return item.name, shown(item.before), shown(item.after), change(item.after, item.before)


@task(
    help={
        "plan": "the plan's name",
        "last": "how many jobs, the newest ones",
        "html": "write a page with charts into this file",
        "json": JSON_HELP,
    }
)
def trend(context: Context, plan: str, last: int = 20, html: str = "", json: bool = False) -> None:
    """Show the last jobs of a plan: verdicts, pass rates, times, and the cases that do not hold still."""
    from sandbox_suite.core.errors import RequestError
    from sandbox_suite.reports import history

    found = history.trend(settings().home, plan, last)
    if not found.jobs:
        raise RequestError(f"no job of plan `{plan}` has ended here", remedy=f"`./invoke sandbox.run --plan {plan}`")
    if html:
        _write_page(found, Path(html))
    if json:
        output.facts(found.as_dict())
        return
    output.table(
        ("job", "when", "verdict", "plugin", "pass rate", "p95 ms", "seconds", "flaky"),
        [_job(job) for job in found.jobs],
        empty="no job",
    )
    output.lines([""])
    output.table(
        ("unsteady case", "ran", "passed", "flaky", "failed"),
        [(one.id, *(str(number) for number in (one.runs, one.passed, one.flaky, one.failed)))
         for one in found.unsteady[:SHOWN]],
        empty="no case was flaky, or ended differently on the same plugin and dataset",
    )  # fmt: skip


def _job(job: "history.Entry") -> tuple[str, ...]:
    rate = "–" if job.pass_rate is None else f"{job.pass_rate:.3f}"
    p95, seconds = ("–" if value is None else f"{value:.1f}" for value in (job.p95_ms, job.seconds))
    when = job.created_at[:19].replace("T", " ") or "–"
    return job.job, when, job.verdict, job.plugin or "–", rate, p95, seconds, str(job.counts.get("flaky", 0))


def _write_page(found: "history.Trend", file: Path) -> None:
    from sandbox_suite.core.errors import RequestError
    from sandbox_suite.core.files import write_atomic
    from sandbox_suite.reports import trend_page

    try:
        write_atomic(file, trend_page.html(found).encode())
    except OSError as error:
        raise RequestError(f"{file} cannot be written: {error.strerror}", remedy="name another file") from error
    output.say(f"page: {file}")


@task(
    help={
        "job": "the job's id, or the beginning of it",
        "out": "a new folder, or a file that ends in .zip",
        "json": JSON_HELP,
    }
)
def export(context: Context, job: str, out: str, json: bool = False) -> None:
    """Export a job's report, logs, audit and artifacts, digests verified, secrets left out."""
    from sandbox_suite.reports import export as exporting
    from sandbox_suite.reports import hiding, reading

    used = settings()
    folder = reading.folder_of(used.home, job).parent
    redact = hiding.redactor(used.job_runtime(folder.name) / "secrets")
    files, left_out = exporting.export(folder, Path(out), redact)
    if json:
        output.facts({"job": folder.name, "out": out, "files": files, "left_out": left_out})
        return
    output.lines([*(f"left out: {name}: {why}" for name, why in left_out.items())])
    output.lines([f"{len(files)} files, {sum(files.values()) / 1e6:.1f} MB, verified, in {out}"])
