"""dataset.load and dataset.reset: the dataset of a living sandbox."""

from typing import Any

from invoke.context import Context
from invoke.tasks import task

from sandbox_suite.core.clock import utc_now
from sandbox_suite.core.settings import settings
from sandbox_suite.tasks import output
from sandbox_suite.tasks.output import JSON_HELP

HELP = {
    "job": "the id of a job whose sandbox was kept, or the beginning of it",
    "force": "end the sessions that hold the dataset's tables, instead of refusing",
    "reason": "why, for the audit",
    "dry-run": "show what would be written; touches nothing",
    "json": JSON_HELP,
}


@task(
    help={**HELP, "dataset": "NAME@VERSION that the gate attested, or NAME@current; default: the one that is planned"}
)
def load(
    context: Context,
    job: str,
    dataset: str = "",
    force: bool = False,
    reason: str = "",
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """Load an attested dataset version into a kept sandbox and prove it. Ends with 3 where it is not attested."""
    from sandbox_suite.core.files import read_json

    found = _job(job)
    if not dataset:
        planned = read_json(settings().job(found.id) / "plan.json")["dataset"]
        dataset = f"{planned['name']}@{planned['version']}"
    _bring(found, json, dry_run, reason, reference=dataset, force=force)


@task(help={**HELP, "plugin": "the plugin's own schema too: dropped, migrated anew, the plugin started again"})
def reset(
    context: Context,
    job: str,
    plugin: bool = False,
    force: bool = False,
    reason: str = "",
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """Bring the dataset of a kept sandbox back to what was attested and prove it; the plugin's schema stays."""
    _bring(_job(job), json, dry_run, reason, plugin=plugin, force=force)


def _bring(job: Any, json: bool, dry_run: bool, reason: str, **how: Any) -> None:
    from sandbox_suite.datasets import trail
    from sandbox_suite.jobs import dataset_load

    asked = dataset_load.Asked(job, trail.asker(settings(), reason), **how)
    with output.errors_as_json(json):
        if dry_run:
            found = dataset_load.look(settings(), asked, utc_now)
        else:
            found = dataset_load.run(settings(), asked, utc_now, output.say)
    if json:
        output.facts({**found, "dry_run": dry_run})
    else:
        output.lines(_lines(found, dry_run))


def _lines(found: dict[str, Any], dry_run: bool) -> list[str]:
    written = ", ".join(found["written"]) or "nothing"
    anew = ", tables made anew: prepared statements over them end with an error once" * found["tables_made_anew"]
    if dry_run:
        return [f"would hold {found['dataset']}, before {found['before']}; to be written: {written}{anew}"]
    ended = f", {found['sessions_ended']} sessions ended" * bool(found["sessions_ended"])
    plugin = ", the plugin deployed anew" * found["plugin"]
    return [
        f"job {found['job']} holds {found['dataset']}, {found['rows']} rows, {found['digest']}, proved",
        f"written: {written}{anew}{ended}{plugin}; {found['seconds']:.2f} s",
    ]


def _job(job: str) -> Any:
    from sandbox_suite.jobs import table
    from sandbox_suite.jobs.database import connect

    return table.get(connect(settings()), job)
