"""A worker as it is, but for its steps: each takes some milliseconds, and notes that it ran."""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from sandbox_suite.core.settings import Settings, settings
from sandbox_suite.jobs.execution import StepCall
from sandbox_suite.jobs.outcome import Outcome
from sandbox_suite.jobs.worker import serve

SECONDS = (0.001, 0.004)


class Stubbed:
    """Steps that only sleep."""

    def __init__(self, configured: Settings) -> None:
        self.settings = configured
        self.ran = os.open(noted(configured.home), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def __enter__(self) -> "Stubbed":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def run_step(self, call: StepCall, cancelled: Callable[[], bool]) -> Outcome | None:
        """Sleep, and leave an outcome as a step does."""
        self._note("begin", call)
        time.sleep(random.uniform(*SECONDS))
        done = Outcome("ok", call.attempt, made={"verdict": "passed"})
        done.write(self.settings.job(call.job), call.step)
        self._note("end", call)
        return done

    def sweep(self) -> None:
        """Nothing is on an engine."""

    def stop(self) -> None:
        """Nothing runs for long."""

    def _note(self, what: str, call: StepCall) -> None:
        os.write(self.ran, f"{what} {call.job} {call.step} {call.attempt} {os.getpid()}\n".encode())


def noted(home: Path) -> Path:
    """Return the file that says what ran, in order."""
    return home / "ran.log"


if __name__ == "__main__":
    serve(settings(), Stubbed(settings()))
