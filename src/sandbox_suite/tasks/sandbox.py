"""sandbox.*: run the main job, look at jobs, resume, retry, cancel, destroy, go inside."""

import sys
from typing import Any

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from sandbox_suite.core.clock import utc_now
from sandbox_suite.core.settings import settings
from sandbox_suite.tasks import output
from sandbox_suite.tasks.output import JSON_HELP

JOB_HELP = "the job's id, or the beginning of it"


@task(
    iterable=["threshold"],
    help={
        "plan": "the test plan to run (config/plugins/debug/data_suite.yaml)",
        "plugin": "ID@VERSION, or the path of a plugin's folder or package; default: the plan's",
        "dataset": "NAME@VERSION; default: the plan's",
        "tenant": "whose quota it counts against",
        "threshold": "NAME=VALUE, instead of the plan's; repeatable",
        "keep": "leave the sandbox, with a lease",
        "priority": "urgent: before all jobs that are not, within the tenant's quota (permission sandbox:urgent)",
        "wait-at-most": "give up after so many seconds in the queue, with exit code 4",
        "detach": "submit the job and return; `sandbox.watch` attaches later",
        "dry-run": "show the plan: steps, versions, what would be created, findings; touches nothing",
        "json": JSON_HELP,
        "reason": "why, for the audit",
    },
)
def run(
    context: Context,
    plan: str,
    plugin: str = "",
    dataset: str = "",
    tenant: str = "",
    threshold: list[str] | None = None,
    keep: bool = False,
    priority: str = "normal",
    wait_at_most: str = "",
    detach: bool = False,
    dry_run: bool = False,
    json: bool = False,
    reason: str = "",
) -> None:
    """Make a sandbox, deploy the plugin, load the masked dataset, run the regression, report, remove."""
    from sandbox_suite.jobs import requests
    from sandbox_suite.tasks import running

    request = requests.make(
        settings(),
        plan,
        plugin=plugin,
        dataset=dataset,
        tenant=tenant,
        thresholds=threshold or [],
        keep=keep,
        reason=reason,
        priority=priority,
        wait_at_most=requests.seconds(wait_at_most),
    )
    if dry_run:
        raise Exit(code=running.dry_run(request, json=json))
    raise Exit(code=running.run(request, detach=detach, json=json))


@task(name="list", help={"tenant": "only this tenant's", "limit": "how many, the newest first", "json": JSON_HELP})
def list_(context: Context, tenant: str = "", limit: int = 20, json: bool = False) -> None:
    """List jobs: state, step, place in the queue, verdict, lease."""
    from sandbox_suite.jobs import listing

    rows = listing.rows(settings(), utc_now, tenant=tenant, limit=limit)
    if json:
        output.facts({"jobs": rows})
        return
    titles = ("job", "state", "tenant", "plan", "step", "verdict", "created", "lease until", "starts (UTC)")
    output.table(
        titles,
        [
            (
                r["job"],
                r["shown"],
                r["tenant"],
                r["plan"],
                r["step"],
                r["verdict"] or "-",
                r["created_at"],
                r["expires_at"] or "-",
                r["starts"] or "-",
            )
            for r in rows
        ],
        empty="no job yet: `./invoke sandbox.run --plan smoke`",
    )


@task(help={"job": JOB_HELP, "timing": "where the time of each step went", "json": JSON_HELP})
def show(context: Context, job: str, timing: bool = False, json: bool = False) -> None:
    """Show one job: steps with their times, verdict, report, audit, sandbox."""
    from sandbox_suite.jobs import listing, result
    from sandbox_suite.jobs import timing as job_timing

    found = _job(job)
    value = result.build(settings(), found)
    times = job_timing.of(settings(), found) if timing else {}
    if json:
        output.facts(value | ({"timing": times} if timing else {}))
    elif timing:
        output.lines(job_timing.lines(times))
    else:
        output.lines(listing.describe(found, value))


@task(help={"job": JOB_HELP, "json": JSON_HELP})
def watch(context: Context, job: str, json: bool = False) -> None:
    """Attach to a job from anywhere: replays what happened and goes on until it ends."""
    from sandbox_suite.tasks import running

    raise Exit(code=running.watch(_job(job).id, json=json))


@task(
    help={
        "job": JOB_HELP,
        "step": "only this step's log",
        "follow": "go on until the job ends",
        "export": "write the logs (redacted) into this file instead",
    }
)
def logs(context: Context, job: str, step: str = "", follow: bool = False, export: str = "") -> None:
    """Print what the steps of a job printed, redacted."""
    from sandbox_suite.jobs import logs as job_logs

    found = _job(job)
    if export:
        written = job_logs.export(settings(), found.id, step, export)
        output.say(f"{written} lines written to {export}")
        return
    for line in job_logs.lines(settings(), found.id, step, follow=follow):
        sys.stdout.write(line)


@task(help={"job": JOB_HELP, "json": JSON_HELP})
def resume(context: Context, job: str, json: bool = False) -> None:
    """Finish a job that was interrupted, failed or was cancelled; what finished is not run again."""
    _rerun(job, "", json)


@task(help={"job": JOB_HELP, "from-step": "the first step to run again", "json": JSON_HELP})
def retry(context: Context, job: str, from_step: str, json: bool = False) -> None:
    """Run a job again from a step on."""
    _rerun(job, from_step, json)


@task(help={"job": JOB_HELP, "json": JSON_HELP, "reason": "why, for the audit"})
def cancel(context: Context, job: str, json: bool = False, reason: str = "") -> None:
    """Cancel a job and roll it back."""
    _end(job, "cancel", json, reason)


@task(help={"job": JOB_HELP, "json": JSON_HELP, "reason": "why, for the audit"})
def destroy(context: Context, job: str, json: bool = False, reason: str = "") -> None:
    """Remove a job's sandbox completely, whatever state the job is in; its folder keeps report, logs and audit."""
    _end(job, "destroy", json, reason)


@task(
    help={
        "job": JOB_HELP,
        "part": "database, plugin or runner",
        "psql": "the database's prompt instead of a shell",
        "command": "run this instead of an interactive shell",
    }
)
def shell(context: Context, job: str, part: str = "plugin", psql: bool = False, command: str = "") -> None:
    """Open a shell, or psql, inside a kept sandbox."""
    from sandbox_suite.jobs import inside

    raise Exit(code=inside.shell(settings(), _job(job), part, psql=psql, command=command))


def _job(job: str) -> Any:
    from sandbox_suite.jobs import table
    from sandbox_suite.jobs.database import connect

    return table.get(connect(settings()), job)


def _rerun(job: str, from_step: str, json: bool) -> None:
    from sandbox_suite.jobs import control
    from sandbox_suite.tasks import running

    found = _job(job)
    with running.errors_as_json(json, found.id):
        for line in control.rerun(settings(), found, from_step, utc_now):
            output.say(line)
        raise Exit(code=running.watch(found.id, json=json, replay=False))


def _end(job: str, what: str, json: bool, reason: str) -> None:
    from sandbox_suite.jobs import control
    from sandbox_suite.tasks import running

    found = _job(job)
    with running.errors_as_json(json, found.id):
        if not control.end(settings(), found, what, reason, utc_now):
            output.say(f"job {found.id} is {found.state}: nothing of it is left to remove")
            if json:
                running.print_result(found.id)
            return
        code = running.watch(found.id, json=json, replay=False)
        raise Exit(code=0 if control.released(settings(), found.id) else code or 5)  # whatever else came of the job
