"""A job seen from a terminal: its set-up, its steps as they come, its end, Ctrl-C."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sandbox_suite.core.clock import new_job_id, utc_now
from sandbox_suite.core.errors import InfrastructureError, RequestError, SandboxError
from sandbox_suite.core.settings import settings
from sandbox_suite.jobs import attendance, control, events, looked, service, table
from sandbox_suite.jobs.database import Database, connect
from sandbox_suite.jobs.model import Job, Request, State
from sandbox_suite.tasks import ci, output
from sandbox_suite.tasks.view import View

WORKER_LOOK_SECONDS = 0.5
QUEUE_LOOK_SECONDS = 2.0


def dry_run(request: Request, json: bool) -> int:
    """Show the plan and touch nothing; the exit code says what a finding would end a run with."""
    from sandbox_suite.jobs import plan

    look = plan.look(settings(), request, utc_now())
    if json:
        output.facts(look.as_dict())
    else:
        output.lines(look.lines())
    return look.exit_code


def run(request: Request, detach: bool, json: bool) -> int:
    """Check the request, set up what is missing, submit, follow to the end; return the exit code."""
    started = time.monotonic()
    setup: list[str] = []
    with errors_as_json(json, None, request):
        _refuse_mistakes(request)
        setup = _set_up()
        job = control.submit(settings(), request, new_job_id(utc_now()), utc_now)
        output.say(f"job {job}: plan {request.plan}, tenant {request.tenant}")
        output.say(f"the report will be {settings().job(job) / 'report' / 'report.html'}")
        if detach:
            output.say(f"detached; `./invoke sandbox.watch --job {job}` attaches")
            if json:
                output.facts({"job": job, "state": "queued"})
            return 0
    return watch(job, json=json, setup=setup, started=started)


def _refuse_mistakes(request: Request) -> None:
    if looked.is_clear(settings(), request, utc_now()):
        return
    from sandbox_suite.jobs import plan

    look = plan.look(settings(), request, utc_now())
    if not look.findings:
        looked.remember(settings(), request, utc_now(), look.places)
    wrong = look.mistakes
    for finding in look.findings:
        if finding.place.endswith("resource_policies.yaml") or finding.id == "policies-kept":
            output.say(str(finding))
    if wrong:
        raise RequestError(
            "\n".join(f"{item.place}: {item.message}" for item in wrong), remedy="correct this and run again"
        )


def _set_up() -> list[str]:
    import os

    from sandbox_suite import toolchain

    launcher = [name for name in os.environ.pop("SANDBOX_SETUP_DONE", "").split(",") if name]
    return [*launcher, *toolchain.prepare(settings(), output.say)]


def watch(
    job: str, json: bool, setup: list[str] | None = None, started: float | None = None, replay: bool = True
) -> int:
    """Follow a job to its end and print it; return its exit code. Ctrl-C cancels, a second one detaches."""
    database = connect(settings())
    view = View(sys.stderr)
    after = 0 if replay else max((event.seq for event in events.read(database, job)), default=0)
    interrupts, attended, queue = _Interrupts(job), _Attendance(job), _Queue(database)
    with errors_as_json(json, job), view, interrupts:
        for found in events.follow(database, job, after):
            view.show(found)
            now = table.get(database, job)
            view.state(now, queue.look(now))
            if table.ended(now) and not found:
                break
            if interrupts.detached:
                output.say(f"detached: the worker goes on; `./invoke sandbox.watch --job {job}` attaches")
                return 4
            attended.look(database, now)
    return print_result(job, json, setup or [], started)


class _Attendance:
    """Sees that a job is attended: a worker is started for one that waits, and missed by one that runs."""

    def __init__(self, job: str) -> None:
        self.job, self.looked_at = job, 0.0

    def look(self, database: Database, job: Job) -> None:
        """Look, twice a second at most."""
        now = time.monotonic()
        if now - self.looked_at < WORKER_LOOK_SECONDS:
            return
        self.looked_at = now
        if not attendance.is_own(database, settings(), job) or service.alive(settings().home):
            return  # another machine's job is looked after there: a machine that is lost is noticed by the others
        if job.state == State.RUNNING:
            raise InfrastructureError(
                f"the worker ended while job {self.job} was running",
                left="what its steps made is there, and recorded",
                remedy=f"`./invoke sandbox.resume --job {self.job}` finishes it, `sandbox.destroy` removes it",
            )
        service.ensure(settings())


class _Queue:
    """Tells how a job waits: once a line where that changes its place, and always for the live line."""

    def __init__(self, database: Database) -> None:
        self.database, self.told, self.words = database, "", ""
        self.looked_at = time.monotonic() - QUEUE_LOOK_SECONDS + WORKER_LOOK_SECONDS  # most jobs start at once

    def look(self, job: Job) -> str:
        """Return how the job waits, in words; look every two seconds at most."""
        now = time.monotonic()
        if job.state != State.QUEUED or now - self.looked_at < QUEUE_LOOK_SECONDS:
            return self.words
        self.looked_at = now
        from sandbox_suite.jobs import waiting

        wait = waiting.of(self.database, settings(), utc_now()).get(job.id)
        self.words = wait.words() if wait else ""
        told = f"{wait.place}{wait.reason}" if wait else ""
        if wait and told != self.told and (self.told or wait.reason != waiting.NEXT or wait.place > 1):
            output.say(f"the job waits: {self.words}")
            self.told = told
        return self.words


def print_result(job: str, json: bool = True, setup: list[str] | None = None, started: float | None = None) -> int:
    """Print a job's end: the JSON object, or a few lines; return its exit code."""
    from sandbox_suite.jobs import listing, result

    row = table.get(connect(settings()), job)
    seconds = time.monotonic() - started if started is not None else None
    value = result.build(settings(), row, setup=setup, seconds=seconds)
    if json:
        output.facts(value)
    else:
        for line in listing.closing(row, value):
            output.say(line)
    ci.told(value)
    return 5 if row.exit_code is None else row.exit_code


@contextmanager
def errors_as_json(json: bool, job: str | None, request: Request | None = None) -> Iterator[None]:
    """With `--json`, an error is the run's object on stdout too; a CI system is told of it."""

    def shown(error: SandboxError) -> Any:
        from sandbox_suite.jobs import result

        return result.failed(settings(), job, request, error)

    try:
        with output.errors_as_json(json, shown):
            yield
    except SandboxError as error:
        ci.failed(error)
        raise


class _Interrupts:
    """Ctrl-C while a job is followed: the first cancels it, the second detaches."""

    def __init__(self, job: str) -> None:
        self.job, self.count = job, 0

    @property
    def detached(self) -> bool:
        return self.count > 1

    def __enter__(self) -> "_Interrupts":
        self._before = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, *_: Any) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _interrupt(self, *_: Any) -> None:
        self.count += 1
        if self.count == 1:
            table_database = connect(settings())
            control.end(settings(), table.get(table_database, self.job), "cancel", "Ctrl-C", utc_now)
            output.say("cancelling: the job is rolled back; Ctrl-C again leaves that to the worker")
