"""What a user can do to a job: submit, run again from a step, end. Each leaves an audit record."""

import datetime
from pathlib import Path
from typing import Any

from sandbox_suite import engine
from sandbox_suite.core.clock import Clock, iso
from sandbox_suite.core.errors import InfrastructureError, RequestError
from sandbox_suite.core.files import write_json
from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs import events, journal, requests, service, table
from sandbox_suite.jobs.audit import record
from sandbox_suite.jobs.database import connect
from sandbox_suite.jobs.events import Journal
from sandbox_suite.jobs.model import STEPS, Job, Request, State


def submit(settings: Settings, request: Request, job: str, clock: Clock) -> str:
    """Put a job into the queue and see that a worker lives; return its id."""
    folder = settings.job(job)
    database = connect(settings)
    _lay_down(folder, {"job": job, **request.as_dict()})
    record(settings, job, request, clock, action="job.submit", target=f"plan {request.plan}", outcome="ok")
    now = clock()
    until = request.wait_at_most and iso(now + datetime.timedelta(seconds=request.wait_at_most))
    tied = engine.installation(settings.home) if requests.tied(request) else ""
    table.submit(database, job, request, iso(now), wait_until=until or "", pinned=tied)
    service.ensure(settings)
    return job


def _lay_down(folder: Path, request: dict[str, Any]) -> None:
    """Make the job's folder with its request."""
    try:
        folder.mkdir(parents=True, mode=0o700)
        write_json(folder / "request.json", request, mode=0o600)
    except OSError as error:
        raise InfrastructureError(
            f"the folder of the job cannot be written: {error}",
            left="no job was submitted",
            remedy=f"make room in, or give access to, {folder.parent}",
        ) from error


def rerun(settings: Settings, job: Job, from_step: str, clock: Clock) -> list[str]:
    """Set a job going again, from `from_step` or where it stopped; return lines that say what is skipped and why."""
    database = connect(settings)
    if job.state in (State.QUEUED, State.RUNNING):
        if from_step:
            raise RequestError(f"job `{job.id}` is {job.state}", remedy="cancel it first, or wait for its end")
        service.ensure(settings)
        return _told(events.read(database, job.id), "")
    past = events.read(database, job.id)
    start = _start(job, past, from_step)
    forgets = from_step or not journal.sandbox_may_exist(past)
    Journal(database, job.id, clock).write("rerun" if forgets else "resumed", start)
    record(settings, job.id, job.request, clock, action="job.rerun", target=f"from {start}", outcome="ok")
    cleared: dict[str, Any] = {
        "cancel": "",
        "error": None,
        "exit_code": None,
        "ended_at": "",
        "verdict": "",
        "expires_at": job.expires_at if journal.sandbox_may_exist(past) else "",
        "pinned": job.machine or job.pinned,  # its folder, and its sandbox, are there
    }
    table.enqueue(database, job.id, **cleared)
    service.ensure(settings)
    return _told(past, start if forgets else "")


def _start(job: Job, past: list[events.Event], from_step: str) -> str:
    """Return the step to go on from: never one whose sandbox is gone."""
    if from_step and from_step not in STEPS:
        raise RequestError(f"unknown step `{from_step}`", remedy=f"the steps: {', '.join(STEPS)}")
    there = journal.sandbox_may_exist(past)
    done = journal.finished(past)
    wanted = from_step or next((step for step in STEPS if step not in done), "")
    if not wanted or (job.state in (State.DONE, State.KEPT) and not from_step):
        raise RequestError(
            f"job `{job.id}` is {job.state}: nothing of it is left to run",
            remedy=f"`./invoke sandbox.retry --job {job.id} --from-step provision` runs it again",
        )
    if not there and STEPS.index(wanted) > STEPS.index("provision") and not _collected(wanted, done):
        if from_step:
            raise RequestError(
                f"step `{from_step}` needs the sandbox, which is gone",
                remedy=f"`./invoke sandbox.retry --job {job.id} --from-step provision`",
            )
        return "provision"
    return wanted


def _collected(wanted: str, done: list[str]) -> bool:
    """Say whether a step needs nothing but what was fetched from the sandbox, and all of that is there."""
    reporting = STEPS.index("report")
    return STEPS.index(wanted) >= reporting and set(STEPS[:reporting]) <= set(done)


def _told(past: list[events.Event], start: str) -> list[str]:
    until = STEPS.index(start) if start else len(STEPS)
    kept = [step for step in journal.finished(past) if STEPS.index(step) < until]
    return [f"{step:<14} skipped   finished before, and what it made is there" for step in kept]


def end(settings: Settings, job: Job, what: str, reason: str, clock: Clock) -> bool:
    """Cancel a job, or destroy what it left; return False where nothing is left to do."""
    database = connect(settings)
    living = job.state in (State.QUEUED, State.RUNNING)
    left = journal.sandbox_may_exist(events.read(database, job.id))
    if not living and (what == "cancel" or not left):
        if what == "cancel" and left:
            raise RequestError(f"job `{job.id}` is {job.state}", remedy=f"`./invoke sandbox.destroy --job {job.id}`")
        return False
    asked = job.request if not reason else _because(job.request, reason)
    record(settings, job.id, asked, clock, action=f"job.{what}", target=job.id, outcome="ok")
    if living and not (job.state == State.QUEUED and left):  # what waits with a sandbox has something to take back
        table.ask_cancel(database, job.id, what, iso(clock()))
    else:
        table.move(database, job.id, State.RUNNING, cancel=what)
    service.ensure(settings)
    return True


def released(settings: Settings, job: str) -> bool:
    """Whether nothing of a job's sandbox is left, whatever else came of the job."""
    return not journal.sandbox_may_exist(events.read(connect(settings), job))


def _because(request: Request, reason: str) -> Request:
    return Request.from_dict({**request.as_dict(), "reason": reason})
