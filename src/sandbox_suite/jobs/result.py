"""The run's object (`sandbox-suite/run/1`), put together from a job's row, journal and folder."""

from pathlib import Path
from typing import Any

from sandbox_suite.audit import log
from sandbox_suite.core.errors import SandboxError
from sandbox_suite.core.files import read_json
from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs import events, journal, outcome, table
from sandbox_suite.jobs.audit import path as audit_path
from sandbox_suite.jobs.database import connect
from sandbox_suite.jobs.model import Job, Request
from sandbox_suite.reports import run_object


def build(
    settings: Settings,
    job: Job,
    setup: list[str] | None = None,
    seconds: float | None = None,
    error: SandboxError | None = None,
) -> dict[str, Any]:
    """Return the object of a job as it stands; `seconds` are the caller's own, else the job's; `error` wins."""
    folder = settings.job(job.id)
    past = events.read(connect(settings), job.id)
    report = outcome.read(folder, "report")
    made = report.made if report and report.outcome == "ok" else {}
    plan = _plan(folder)
    trail = log.head(audit_path(folder))
    return run_object.build(
        job=job.id,
        tenant=job.tenant,
        plan=job.plan,
        plugin=plan.get("plugin"),
        dataset=plan.get("dataset"),
        verdict=job.verdict or made.get("verdict"),
        pass_rate=made.get("pass_rate"),
        critical_coverage=made.get("critical_coverage"),
        cases=made.get("cases"),
        flaky=made.get("flaky", []),
        steps=_steps(past),
        setup=setup or [],
        seconds=seconds if seconds is not None else sum(event.seconds for event in past if event.kind == "ended"),
        report=made.get("report"),
        audit={"log": str(audit_path(folder)), "records": trail.number, "head": trail.digest},
        kept=journal.sandbox_may_exist(past) and table.ended(job),
        expires_at=job.expires_at,
        error=error or job.error,
    ).as_dict()


def failed(settings: Settings, job: str | None, request: Request | None, error: SandboxError) -> dict[str, Any]:
    """Return the object of a run that ended before, or beside, its job: what is known, and the error."""
    if job:
        return build(settings, table.get(connect(settings), job), error=error)
    asked = {"tenant": request.tenant, "plan": request.plan} if request else {"tenant": None, "plan": None}
    return run_object.build(job=None, **asked, error=error).as_dict()


def _steps(past: list[events.Event]) -> list[dict[str, Any]]:
    return [
        {"name": fact.name, "outcome": fact.outcome or "not run", "seconds": round(fact.seconds, 3)}
        for fact in journal.steps(past).values()
    ]


def _plan(folder: Path) -> dict[str, Any]:
    try:
        plan: dict[str, Any] = read_json(folder / "plan.json")
    except OSError:
        return {}
    return plan
