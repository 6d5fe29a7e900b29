"""dataset.check: mask a dataset and let the gate look, without keeping anything but the report."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from sandbox_suite.core.clock import utc_now
from sandbox_suite.core.errors import BlockedError, RequestError
from sandbox_suite.core.settings import settings
from sandbox_suite.tasks import output
from sandbox_suite.tasks.output import JSON_HELP

if TYPE_CHECKING:
    from sandbox_suite.datasets.prepare import Examined


@task(
    help={
        "name": "NAME@VERSION of the dataset",
        "policy": "the policy's file; default: the only one in config/masking",
        "report": "a folder for validation.json and validation.html, made where it is missing",
        "json": JSON_HELP,
    }
)
def check(context: Context, name: str, policy: str = "", report: str = "", json: bool = False) -> None:
    """Mask a dataset and let the gate look; keeps no row. Ends with 3 where anything blocks."""
    from sandbox_suite.datasets import prepare, validation_report

    folder = Path(report) if report else None
    if folder and folder.exists() and not folder.is_dir():
        raise RequestError(f"{folder} is no folder", remedy="name a folder with --report DIR")
    examined = prepare.examine(name, policy_file(policy), settings(), output.say, utc_now)
    files = validation_report.keep(folder, examined.report) if folder else ()
    for path in files:
        output.say(f"wrote {path}")
    passed = examined.report["outcome"] == "passed"
    if json:
        verdict = examined.verdict.as_dict() if examined.verdict else {}
        files_shown = {"files": [str(path) for path in files]} if files else {}
        output.facts({"dataset": name, "passed": passed, **verdict, "report": examined.report, **files_shown})
    else:
        output.lines(_lines(examined, passed))
    raise Exit(code=0 if passed else BlockedError.exit_code)


def policy_file(given: str) -> Path:
    """Return the policy that is named, else the one in config/masking; RequestError where that is none, or a choice."""
    found = [Path(given)] if given else sorted((settings().config / "masking").glob("*.yaml"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise RequestError(f"which policy? config/masking holds {names}", remedy="name one with --policy FILE")
    return found[0]


def _lines(examined: "Examined", passed: bool) -> Iterator[str]:
    for check in examined.report["checks"]:
        seconds = "      -  " if check["seconds"] is None else f"{check['seconds']:7.3f} s"
        yield f"{check['name']:<24} {seconds}  {check['outcome']}, {check['findings']} findings"
    yield from map(str, examined.findings)
    for item in examined.report["exceptions"]:
        accepted = f"{item['finding']} in {item['column']}, {item['owner']}, until {item['until']}"
        yield f"exception: {accepted}: {item['state']}"
    yield "attested" if passed else "BLOCKED"
