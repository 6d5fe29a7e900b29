"""The run's object (`sandbox-suite/run/1`), put together from a job's row, journal and folder."""

from pathlib import Path
from typing import Any

from sandbox_suite.audit import log
from sandbox_suite.core.errors import SandboxError
from sandbox_suite.core.files import read_json
from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs import events, journal, outcome, table
from sandbox_suite.jobs.audit import path as audit_path
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.model import Job, Request

SCHEMA = "sandbox-suite/run/1"
NO_CASES = {"passed": 0, "flaky": 0, "failed": 0, "error": 0, "skipped": 0}


def build(settings: Settings, job: Job, setup: list[str] | None = None, seconds: float | None = None) -> dict[str, Any]:
    """Return the object of a job as it stands; `seconds` are the caller's own, else the job's."""
    folder = settings.job(job.id)
    past = events.read(Database(settings.home), job.id)
    report = outcome.read(folder, "report")
    made = report.made if report and report.outcome == "ok" else {}
    kept = journal.sandbox_may_exist(past) and table.ended(job)
    trail = log.head(audit_path(folder))
    return {
        "schema": SCHEMA,
        "job": job.id,
        "tenant": job.tenant,
        "plan": job.plan,
        **_plan(folder),
        "verdict": job.verdict or made.get("verdict") or None,
        "pass_rate": made.get("pass_rate"),
        "critical_coverage": made.get("critical_coverage"),
        "cases": {**NO_CASES, **made.get("cases", {})},
        "steps": [
            {"name": fact.name, "outcome": fact.outcome or "not run", "seconds": round(fact.seconds, 3)}
            for fact in journal.steps(past).values()
        ],
        "setup": setup or [],
        "seconds": round(seconds if seconds is not None else _seconds(past), 3),
        "report": {"json": None, "junit": None, "html": None} | made.get("report", {}),
        "audit": {"log": str(audit_path(folder)), "records": trail.number, "head": trail.digest},
        "sandbox": {"kept": kept, "expires_at": (job.expires_at or None) if kept else None},
        "error": job.error,
    }


def failed(settings: Settings, job: str | None, request: Request | None, error: SandboxError) -> dict[str, Any]:
    """Return the object of a run that ended before, or beside, its job: what is known, and the error."""
    if job:
        return {**build(settings, table.get(Database(settings.home), job)), "error": error.as_dict()}
    return {
        "schema": SCHEMA,
        "job": None,
        "tenant": request.tenant if request else None,
        "plan": request.plan if request else None,
        "plugin": None,
        "dataset": None,
        "verdict": None,
        "pass_rate": None,
        "critical_coverage": None,
        "cases": NO_CASES,
        "steps": [],
        "setup": [],
        "seconds": 0.0,
        "report": {"json": None, "junit": None, "html": None},
        "audit": {"log": None, "records": 0, "head": None},
        "sandbox": {"kept": False, "expires_at": None},
        "error": error.as_dict(),
    }


def _plan(folder: Path) -> dict[str, Any]:
    try:
        plan = read_json(folder / "plan.json")
    except OSError:
        return {"plugin": None, "dataset": None}
    plugin, dataset = plan["plugin"], plan["dataset"]
    return {
        "plugin": {key: plugin[key] for key in ("id", "version", "digest")},
        "dataset": {
            "name": dataset["name"],
            "version": dataset["version"],
            "digest": dataset.get("digest"),
            "attested": dataset.get("attested", False),
        },
    }


def _seconds(past: list[events.Event]) -> float:
    return sum(event.seconds for event in past if event.kind == "ended")
