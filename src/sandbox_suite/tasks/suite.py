"""suite.*: make a suite to begin from, and try one against a kept sandbox."""

from typing import Any

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from sandbox_suite.core.clock import new_job_id, utc_now
from sandbox_suite.core.settings import settings
from sandbox_suite.tasks import output
from sandbox_suite.tasks.output import JSON_HELP


@task(
    help={
        "lang": "python, node, bash, go, java, or http (requests in YAML, no code)",
        "name": "the suite's name, and its folder's",
        "out": "folder for it; default: the current one",
        "json": JSON_HELP,
    }
)
def new(context: Context, lang: str, name: str, out: str = ".", json: bool = False) -> None:
    """Make a suite that passes at once against the example plugin, to begin from."""
    from pathlib import Path

    from sandbox_suite.regression import starters

    made = starters.make(lang, name, Path(out))
    if json:
        output.facts({"folder": str(made.folder), "files": list(made.files), "to_do": made.to_do})
        return
    output.lines(str(made.folder / file) for file in made.files)
    if made.to_do:
        output.say(f"not built, its tool is not on this machine: run `{made.to_do}` in {made.folder} where it is")
    output.say(f"try it: ./invoke suite.check --suite {made.folder} --job JOB (`sandbox.run --keep` leaves a sandbox)")
    output.say("then name its folder under `suites` of a plan in config/plugins/debug/data_suite.yaml")


@task(
    help={
        "suite": "the suite's folder",
        "job": "a job whose sandbox was kept, or the beginning of its id; without one the suite is only looked at",
        "json": JSON_HELP,
    }
)
def check(context: Context, suite: str, job: str = "", json: bool = False) -> None:
    """Look at a suite, run it against a kept sandbox and print its cases; exit code 1: not all passed."""
    from pathlib import Path

    from sandbox_suite.core.findings import errors
    from sandbox_suite.regression import suites

    found, looked = suites.look_at(Path(suite).absolute(), suite)
    for finding in found:
        output.say(str(finding))
    if errors(found) or looked is None or not job:
        facts = looked.as_dict() if looked else {}
        _show_look(facts, [finding.as_dict() for finding in found], json)
        raise Exit(code=2 if errors(found) else 0)
    raise Exit(code=_run(looked, job, json))


def _run(suite: Any, job: str, json: bool) -> int:
    from sandbox_suite.datasets import trail
    from sandbox_suite.jobs import suite_check, table
    from sandbox_suite.jobs.database import connect

    here = settings()
    found = table.get(connect(here), job)
    checked = suite_check.run(
        here, found, suite, new_job_id(utc_now()), trail.asker(here).actor, utc_now, lambda _: None
    )
    counts = checked.results.counts()
    if json:
        output.facts(checked.as_dict())
    else:
        output.table(("outcome", "ms", "case", "says"), checked.rows(), empty="no case at all")
        for note in checked.results.notes:
            output.say(f"note: {note}")
        output.say(", ".join(f"{number} {outcome}" for outcome, number in counts.items() if number))
        output.say(f"results and log: {checked.folder}")
    return int(bool(counts["failed"] or counts["error"]) or not checked.results.cases)


def _show_look(facts: dict[str, Any], findings: list[dict[str, str]], json: bool) -> None:
    if json:
        output.facts({"suite": facts, "findings": findings})
    elif facts:
        output.lines([f"{facts['name']}: {facts['language']}, {len(facts['cases'])} declared cases", *facts["cases"]])
