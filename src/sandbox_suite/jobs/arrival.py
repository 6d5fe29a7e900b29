"""A job comes to a machine, or is gone from it: its folder, and what an earlier stay left there."""

from sandbox_suite.core.clock import Clock
from sandbox_suite.core.files import write_json
from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs import outcome
from sandbox_suite.jobs.audit import record
from sandbox_suite.jobs.execution import RunStep, StepCall
from sandbox_suite.jobs.model import Job

REMOVED = "lost.removed"


def prepare(settings: Settings, job: Job, machine: str, clock: Clock) -> None:
    """Make the folder of a job that was submitted on another machine: its request, and the record that it came here."""
    folder = settings.job(job.id)
    (folder / REMOVED).unlink(missing_ok=True)
    if (folder / "request.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = f"machine {machine}"
    record(settings, job.id, job.request, clock, action="job.arrive", target=target, outcome="ok")
    write_json(folder / "request.json", {"job": job.id, **job.request.as_dict()}, mode=0o600)


def remove(settings: Settings, job: str, run_step: RunStep) -> bool:
    """Remove the sandbox that a job left here before it was taken away; False where there is nothing to remove."""
    folder = settings.job(job)
    if not (folder / "stack").is_dir() or (folder / REMOVED).exists():
        return False
    before = outcome.read(folder, "undo-destroy")
    done = run_step(StepCall(job, "destroy", (before.attempt if before else 0) + 1, undo=True), lambda: False)
    removed = done is not None and done.outcome == "ok"
    if removed:
        (folder / REMOVED).touch()
    return removed
