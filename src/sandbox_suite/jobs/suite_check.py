"""A suite, run against a kept sandbox as a job's regression would run it; the job's own results stay as they are."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox_suite.converge import runner
from sandbox_suite.converge.context import of_job
from sandbox_suite.core.clock import Clock
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import read_json
from sandbox_suite.core.progress import Say
from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs import audit, events, journal
from sandbox_suite.jobs.database import connect
from sandbox_suite.jobs.model import Job, State
from sandbox_suite.jobs.steps.running import alone
from sandbox_suite.plugins.manifest import Manifest
from sandbox_suite.regression import results
from sandbox_suite.regression.results import Results
from sandbox_suite.regression.suites import Suite

STEP = "suite-check"
PLACE = "/tmp/suite-check"  # noqa: S108 - in the runner's container


@dataclass(frozen=True)
class Checked:
    """What came of a check. `folder` holds the files that the suite left: results, log, how it ended."""

    results: Results
    folder: Path
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the check as JSON."""
        return {
            "counts": self.results.counts(),
            "cases": [{"id": case.id, **dataclasses.asdict(case)} for case in self.results.cases],
            "undeclared": list(self.results.undeclared),
            "notes": list(self.results.notes),
            "folder": str(self.folder),
            "seconds": self.seconds,
        }

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Return a line for each case: outcome, milliseconds, name, the beginning of what it says."""
        return [
            (
                "flaky" if case.flaky else case.outcome,
                f"{case.seconds * 1000:.1f}",
                case.name,
                "; ".join(case.message.splitlines()) if case.of_suite else (case.message.splitlines() or [""])[0][:120],
            )
            for case in self.results.cases
        ]


def run(settings: Settings, job: Job, suite: Suite, check: str, actor: str, clock: Clock, say: Say) -> Checked:
    """Run a suite against a job's sandbox. `check`: id of this run. RequestError: the job has no sandbox at rest."""
    return together(settings, job, [suite], suite.name, check, actor, clock, say)


def together(
    settings: Settings, job: Job, suites: Sequence[Suite], name: str, check: str, actor: str, clock: Clock, say: Say,
    parallel: int = 1,
) -> Checked:  # fmt: skip
    """Run several suites, `parallel` at once, as `run` does; `name` is the folder's, and the audit record's target."""
    require_living(settings, job)
    plan = read_json(settings.job(job.id) / "plan.json")
    plugin, folder = plan["plugin"], settings.job(job.id) / "checks" / name
    request = dataclasses.replace(job.request, actor=actor, reason="")
    variables = {
        "suite_run_suites": [suite.entry() for suite in suites],
        "suite_run_id": check,
        "suite_run_parallel": parallel,
        "suite_run_base_url": f"http://plugin:{Manifest.model_validate(plugin['manifest']).port}",
        "suite_run_deadline_seconds": sum(suite.manifest.timeout_seconds for suite in suites),
        "suite_run_folder": f"{PLACE}/suites",
        "suite_run_results": f"{PLACE}/results",
        "suite_run_environment": {
            "SANDBOX_JOB": job.id,
            "SANDBOX_TENANT": request.tenant,
            "SANDBOX_PLUGIN": f"{plugin['id']}@{plugin['version']}",
        },
        "report_collect_folder": str(folder),
        "report_collect_run_id": check,
        "report_collect_sources": {"runner": {"results": [f"{PLACE}/results/*"]}},
    }
    who = of_job(settings, job=job.id, step=STEP, attempt=0, actor=actor, tenant=request.tenant)
    outcome = "failed"
    with alone(settings.job(job.id) / "step.lock"):
        try:
            done = runner.run("check-suite", who, variables, settings, say)
            done.raise_for_failure()
            outcome = "ok"
        finally:
            audit.record(
                settings, job.id, request, clock,
                action="suite.check", target=name, outcome=outcome, step=STEP, details={"run": check},
            )  # fmt: skip
        return Checked(results.read(folder, suites), folder / "results", round(done.seconds, 3))


def require_living(settings: Settings, job: Job) -> None:
    """Raise a RequestError unless the job has a sandbox at rest."""
    if job.state in (State.QUEUED, State.RUNNING):
        raise RequestError(
            f"job `{job.id}` is {job.state}", remedy="wait for its end: its sandbox must be kept (`--keep`)"
        )
    if not journal.sandbox_may_exist(events.read(connect(settings), job.id)):
        raise RequestError(f"job `{job.id}` has no sandbox", remedy="`./invoke sandbox.run --keep` leaves one")
