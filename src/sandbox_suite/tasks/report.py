"""report.*: a job's report, shown and opened."""

from pathlib import Path
from typing import Any

from invoke.context import Context
from invoke.tasks import task

from sandbox_suite.core.files import read_json
from sandbox_suite.core.settings import settings
from sandbox_suite.tasks import output

JOB_HELP = "the job's id, or the beginning of it"
JSON_HELP = "report.json on stdout, everything else on stderr"


@task(help={"job": JOB_HELP, "json": JSON_HELP})
def show(context: Context, job: str, json: bool = False) -> None:
    """Show a job's report: verdict and reasons, figures, what did not pass."""
    folder = _folder(job)
    report = read_json(folder / "report.json")
    if json:
        output.facts(report)
        return
    output.lines(_lines(report, folder))


@task(name="open", help={"job": JOB_HELP})
def open_(context: Context, job: str) -> None:
    """Open a job's report in the browser; where there is none, say where the file is."""
    import webbrowser

    page = _folder(job) / "report.html"
    try:
        opened = webbrowser.get().open(page.as_uri())
    except webbrowser.Error:
        opened = False
    output.say("opened:" if opened else "no browser here; the report is one file, which opens anywhere:")
    output.lines([str(page)])


def _folder(job: str) -> Path:
    from sandbox_suite.reports import reading

    return reading.folder_of(settings().home, job)


def _lines(report: dict[str, Any], folder: Path) -> list[str]:
    counts = ", ".join(f"{number} {outcome}" for outcome, number in report["counts"].items())
    rows = [f"{row['row']} {row['state']}" for row in report["rows"]]
    return [
        f"{report['verdict']}: {report['plugin']['id']} {report['plugin']['version']}"
        f" on {report['dataset']['name']}@{report['dataset']['version']}, plan {report['plan']['name']}",
        *(f"  {reason}" for reason in report["reasons"]),
        f"cases      {counts}",
        *(f"{_name(item['name']):<11}{_value(item)}" for item in report["thresholds"]),
        f"checklist  {', '.join(rows)}",
        *_problems(report["cases"]),
        f"report     {folder / 'report.html'}",
        *([f"failure    {folder / 'failure.zip'}"] if (folder / "failure.zip").exists() else []),
    ]


def _problems(cases: list[dict[str, Any]]) -> list[str]:
    return [
        f"  {'flaky' if case['flaky'] else case['outcome']:<7} {case['id']}: {_first_line(case['message'])}"
        for case in cases
        if case["flaky"] or case["outcome"] in ("failed", "error")
    ]


def _first_line(text: str) -> str:
    return text.partition("\n")[0][:120]


def _name(threshold: str) -> str:
    return {"pass_rate": "pass rate", "critical_coverage": "critical"}.get(threshold, threshold)


def _value(item: dict[str, Any]) -> str:
    measured = "nothing measured" if item["measured"] is None else f"{item['measured']:.4g}"
    word = "at most" if item["name"].endswith("_ms") else "at least"
    return f"{measured} ({word} {item['required']:g})"
