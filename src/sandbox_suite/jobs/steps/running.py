"""One step in its own process: the forkserver's child calls `main`."""

import fcntl
import importlib
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TextIO

from sandbox_suite.core import spans
from sandbox_suite.core.clock import Clock, utc_now
from sandbox_suite.core.errors import CancelledError, InfrastructureError, RequestError, SandboxError
from sandbox_suite.core.files import read_json
from sandbox_suite.core.redaction import Redactor
from sandbox_suite.core.settings import Settings, settings
from sandbox_suite.engine import installation
from sandbox_suite.jobs.audit import record
from sandbox_suite.jobs.database import DatabaseError, Fence, connect
from sandbox_suite.jobs.events import Journal
from sandbox_suite.jobs.model import SIDE_BY_SIDE, Request
from sandbox_suite.jobs.outcome import Outcome
from sandbox_suite.jobs.sessions import note_incidents
from sandbox_suite.jobs.steps.context import Context

LOCK_SECONDS = 15
_told_to_end = threading.Event()  # SIGTERM came: whatever a step made of that, it did not end well


def main(job: str, step: str, attempt: int, undo: bool = False) -> int:
    """Run one attempt of a step and leave its outcome in the job's folder; return 0 when it was left."""
    begin = time.monotonic()
    _told_to_end.clear()
    signal.signal(signal.SIGTERM, _cancelled)
    with spans.collecting() as taken:
        return _run(job, step, attempt, undo, lambda: spans.sums(taken, begin, time.monotonic()))


def _run(job: str, step: str, attempt: int, undo: bool, timing: Callable[[], dict[str, float]]) -> int:
    configured = settings()
    folder = configured.job(job)
    beside = not undo and step in SIDE_BY_SIDE
    with alone(folder / "step.lock", shared=beside), alone(folder / f"{step}.lock"), _log(folder, step) as file:
        context = _context(configured, job, step, attempt, undo, file, utc_now)
        outcome = replace(_attempt(context), timing=timing())
        outcome.write(folder, f"undo-{step}" if undo else step)
        note_incidents(configured, job, context.request, context.clock, step, attempt)
        _record(context, outcome, undo)
    return 0


def _attempt(context: Context) -> Outcome:
    outcome = _tried(context)
    if _told_to_end.is_set():  # a test runner, say, takes the signal for the failure of one of its tests
        return Outcome.failed(context.attempt, _cancellation())
    return outcome


def _tried(context: Context) -> Outcome:
    try:
        module = importlib.import_module(f"sandbox_suite.jobs.steps.{context.step}")
        return Outcome("ok", context.attempt, made=module.run(context))
    except SandboxError as error:
        context.say(str(error))
        return Outcome.failed(context.attempt, error)
    except Exception as error:
        context.say(traceback.format_exc())
        return Outcome.failed(context.attempt, _unexpected(context, error))


def _unexpected(context: Context, error: Exception) -> InfrastructureError:
    remedy = f"`./invoke sandbox.logs --job {context.job} --step {context.step}` has the details"
    return InfrastructureError(f"step `{context.step}` failed: {type(error).__name__}: {error}", remedy=remedy)


def _record(context: Context, outcome: Outcome, undo: bool) -> None:
    record(
        context.settings,
        context.job,
        context.request,
        context.clock,
        action="step.undo" if undo else "step.run",
        target=context.step,
        outcome=outcome.outcome,
        step=context.step,
        attempt=context.attempt,
        details={"error": outcome.error} if outcome.error else {},
    )


def _context(
    configured: Settings, job: str, step: str, attempt: int, undo: bool, file: TextIO, clock: Clock
) -> Context:
    asked = read_json(configured.job(job) / "request.json")
    asked.pop("job")
    journal = Journal(connect(configured, _fence(configured, job)), job, clock)
    label = f"undo {step}" if undo else step
    redact = Redactor(_secrets(configured.job_runtime(job) / "secrets"))

    def say(line: str) -> None:
        shown = redact(line)
        file.write(shown.rstrip("\n") + "\n")
        file.flush()
        with suppress(DatabaseError):  # the log has it; a step does not fail for a line that could not be told
            journal.write("progress", label, attempt=attempt, message=shown[:300])

    return Context(job, step, attempt, Request.from_dict(asked), configured.job(job), configured, say, clock)


def _fence(configured: Settings, job: str) -> Fence | None:
    """Return this worker's right to the job; None for a step that is run by hand."""
    claim = os.environ.get("SANDBOX_CLAIM", "")
    return Fence(job, installation(configured.home), int(claim)) if claim else None


def _secrets(folder: Path) -> list[str]:
    return [path.read_text(errors="replace").strip() for path in folder.iterdir()] if folder.exists() else []


@contextmanager
def alone(lock: Path, shared: bool = False) -> Iterator[None]:
    """Hold a lock, so that an earlier attempt that is still dying is waited for; `shared` by steps side by side."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        with spans.span("waiting"):
            _hold(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        os.set_inheritable(file.fileno(), False)
        yield


def _hold(file: TextIO, how: int) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise InfrastructureError(
                    f"an earlier attempt still holds {file.name}", remedy="resume the job later"
                ) from None
            time.sleep(0.02)


@contextmanager
def _log(folder: Path, step: str) -> Iterator[TextIO]:
    path = folder / "logs" / f"{step}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        yield file


def _cancelled(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once: the way back must not be cut by a second one
    _told_to_end.set()
    raise _cancellation()


def _cancellation() -> CancelledError:
    return CancelledError("the step was cancelled", left="what it had made is taken back")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise RequestError("usage: python -m sandbox_suite.jobs.steps.running JOB STEP ATTEMPT")
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
