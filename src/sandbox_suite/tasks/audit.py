"""audit.*: audit records of a job, or of the datasets, shown and verified."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from sandbox_suite.core.errors import InfrastructureError, RequestError
from sandbox_suite.core.settings import settings
from sandbox_suite.tasks import output
from sandbox_suite.tasks.output import JSON_HELP

if TYPE_CHECKING:
    from sandbox_suite.audit.record import Record

JOB_HELP = "the job's id, or the beginning of it; `datasets`: the log of what was done to datasets"
HEAD_HELP = "a head noted earlier, NUMBER:DIGEST: also prove that nothing was cut off since"


@task(help={"job": JOB_HELP, "head": HEAD_HELP, "json": JSON_HELP})
def verify(context: Context, job: str, head: str = "", json: bool = False) -> None:
    """Check the chain of a job's audit log: every record there, unchanged, in order."""
    from sandbox_suite.audit import log
    from sandbox_suite.audit.record import noted

    path = _log(job)
    found = log.verify(path, noted(head) if head else None)
    if json:
        problems = [problem.as_dict() for problem in found.problems]
        output.facts({"log": str(path), "records": found.records, "head": found.head, "problems": problems})
    else:
        state = "intact" if found.intact else "NOT intact"
        output.lines(
            [*map(str, found.problems), f"{found.records} records, {state}; head {found.records}:{found.head}"]
        )
    if not found.intact:
        raise Exit(code=InfrastructureError.exit_code)


@task(
    help={
        "job": JOB_HELP,
        "step": "only records of this step",
        "action": "only records of this action, such as converge.task",
        "outcome": "only records with this outcome",
        "json": JSON_HELP,
    }
)
def show(context: Context, job: str, step: str = "", action: str = "", outcome: str = "", json: bool = False) -> None:
    """Show a job's audit records."""
    from sandbox_suite.audit import log

    wanted = {"step": step, "action": action, "outcome": outcome}
    records = [
        record
        for record in log.read(_log(job))
        if all(not value or getattr(record, name) == value for name, value in wanted.items())
    ]
    if json:
        output.facts({"records": [asdict(record) for record in records]})
        return
    output.table(
        ("number", "time", "actor", "step", "action", "target", "outcome", "what"),
        map(_row, records),
        empty="no such records",
    )


def _row(record: "Record") -> tuple[str, ...]:
    step = f"{record.step}#{record.attempt}" if record.attempt else record.step
    what = record.task or str(record.details.get("message", "")) or record.reason
    return (
        *(str(record.number), record.time, record.actor, step or "-"),
        *(record.action, record.target, record.outcome, what.partition("\n")[0][:80]),
    )


def _log(job: str) -> Path:
    """Return the audit log of the one job that `job` names; it outlives the job's row and its sandbox."""
    if job == "datasets" and (of_datasets := settings().home / "datasets" / "audit.jsonl").exists():
        return of_datasets
    found = sorted(settings().home.glob(f"jobs/{job}*/audit.jsonl")) if job.isalnum() else []
    exact = [path for path in found if path.parent.name == job]
    if len(exact or found) != 1:
        known = f"{len(found)} jobs begin with it" if found else "no job has it"
        raise RequestError(f"no single audit log for job `{job}`: {known}", remedy="`./invoke sandbox.list` shows jobs")
    return (exact or found)[0]
