"""The worker's children: one forkserver with what steps import preloaded, a child of it per step."""

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from sandbox_suite.converge.configuration import forkserver_environment
from sandbox_suite.core.settings import CHECKOUT, Settings
from sandbox_suite.jobs import outcome
from sandbox_suite.jobs.database import connect
from sandbox_suite.jobs.execution import StepCall
from sandbox_suite.jobs.outcome import Outcome
from sandbox_suite.jobs.service import environment, log_path
from sandbox_suite.jobs.sessions import Holding
from sandbox_suite.jobs.table import get
from sandbox_suite.launch import forkserver
from sandbox_suite.launch.client import Child
from sandbox_suite.launch.forkserver import Forkserver, LaunchError
from sandbox_suite.sessions.errors import SessionError

CANCEL_LOOK_SECONDS = 0.1
TARGET = "sandbox_suite.jobs.steps.running:main"
SWEEP, SWEEP_AT_MOST_SECONDS = "sandbox_suite.jobs.sweeping:main", 120.0
# What steps import and what is slow to import. Nothing here starts a thread: a process with threads may not fork.
PRELOAD = (
    "sandbox_suite.jobs.steps.running",
    "sandbox_suite.jobs.steps.admit",
    "sandbox_suite.jobs.steps.dataset",
    "sandbox_suite.jobs.steps.provision",
    "sandbox_suite.jobs.steps.deploy",
    "sandbox_suite.jobs.steps.load",
    "sandbox_suite.jobs.steps.verify",
    "sandbox_suite.jobs.steps.regress",
    "sandbox_suite.jobs.steps.collect",
    "sandbox_suite.jobs.steps.report",
    "sandbox_suite.jobs.steps.destroy",
    "sandbox_suite.jobs.sweeping",
    "sandbox_suite.converge.warm",
    "ansible_runner.interface",
    "sandbox_suite.sessions.testinfra",
    "sandbox_suite.stacks.docker_provider.service",
    "sandbox_suite.verification.collecting",
    "google.protobuf.json_format",
    "grpc._server",
    "grpc.experimental",
    "infra.program",
    "jinja2",
    "mimesis",
    "numpy",  # one thread, see below; polars and pyarrow start theirs at import and stay out
    "platformdirs.unix",
    "stdnum.cn.ric",
    "stdnum.cn.uscc",
    "stdnum.luhn",
    "testinfra.plugin",
    "sandbox_suite.launch.warming:pytest",
    "sandbox_suite.launch.warming:ansible",
)


class Stopping(BaseException):
    """The worker is told to stop: the job stays as it is, to be resumed; nobody may take this for a failure."""


class Children:
    """Starts the forkserver when it is entered, and again when it was lost."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self.settings, self.say = settings, say
        self.server: Forkserver | None = None
        self.holding = Holding(settings.runtime)
        self.lock = threading.Lock()
        self.stopped = threading.Event()

    def __enter__(self) -> "Children":
        for ahead in (self._warm, self._hold):
            threading.Thread(target=ahead, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.server:
            self.server.stop()
        self.holding.close()

    def stop(self) -> None:
        """End what runs: its jobs can be resumed."""
        self.stopped.set()

    def run_step(self, call: StepCall, cancelled: Callable[[], bool]) -> Outcome | None:
        """Run a step to its end; None where its process ended without leaving an outcome."""
        self._hold()
        lost = ""  # why the step's process was ended, where nobody asked for that
        try:
            with self._start(call) as child:
                asked = self._attend(child, cancelled)
                if self.stopped.is_set():
                    raise Stopping
                lost = "" if asked else child.reason
        except LaunchError as error:
            lost = str(error)
        label = f"undo-{call.step}" if call.undo else call.step
        left = outcome.read(self.settings.job(call.job), label, call.attempt)
        if lost:  # the forkserver was lost: the step is tried again with a new one
            self.say(f"{call.job} {call.label}: {lost}")
        return None if lost and left and left.outcome == "cancelled" else left

    def sweep(self) -> None:
        """End what the engine holds of this installation and nobody owns (`sweeping`); the worker's log tells it."""
        try:
            with Child.start(
                self._running().socket,
                SWEEP,
                env=environment(self.settings),
                cwd=CHECKOUT,
                stdout_path=log_path(self.settings.home),
            ) as child:
                child.wait(SWEEP_AT_MOST_SECONDS)
        except (LaunchError, TimeoutError) as error:
            self.say(f"what nobody owns could not be looked for: {error}")

    def _start(self, call: StepCall) -> Child:
        log = self.settings.job(call.job) / "logs" / f"{call.step}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        return Child.start(
            self._running().socket,
            TARGET,
            [call.job, call.step, call.attempt, call.undo],
            env=self._environment(call.job),
            cwd=CHECKOUT,
            stdout_path=log,
        )

    def _attend(self, child: Child, cancelled: Callable[[], bool]) -> bool:
        """Wait for the end of a step's process; return whether it was asked to end."""
        asked = False
        while not self.stopped.is_set():
            with contextlib.suppress(TimeoutError):
                child.wait(CANCEL_LOOK_SECONDS)
                return asked
            if not asked and cancelled():
                asked = True
                child.terminate()
        child.terminate()
        child.wait()
        return True

    def _environment(self, job: str) -> dict[str, str]:
        database = connect(self.settings)
        found = get(database, job)
        database.close()
        ours = {
            "SANDBOX_CLAIM": str(found.claim),  # by which the step may write to the job
            "SANDBOX_FORKSERVER": str(self._socket(self.settings.runtime)),
        }
        return environment(self.settings) | found.request.environment | ours

    def _running(self) -> Forkserver:
        with self.lock:
            if self.server is None or self.server.poll() is not None:
                self.server = self._serve()
            return self.server

    def _serve(self) -> Forkserver:
        runtime = self.settings.runtime
        runtime.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = self.settings.home / "logs" / "forkserver.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        server = forkserver.start(self._socket(runtime), PRELOAD, log, self._server_environment())
        for failure in server.failures:
            self.say(f"forkserver: {failure}")
        return server

    def _warm(self) -> None:
        with contextlib.suppress(LaunchError):  # the first step that needs it tells
            self._running()

    def _hold(self) -> None:
        with contextlib.suppress(SessionError):  # as above
            self.holding.look()

    @staticmethod
    def _socket(runtime: Path) -> Path:
        return runtime / "forkserver.sock"

    def _server_environment(self) -> dict[str, str]:
        ours = {name: value for name, value in environment(self.settings).items() if not name.startswith("ANSIBLE_")}
        ours.pop("NO_COLOR", None)  # a setting of Ansible by another name
        # One thread for what would start a pool at import; a step's own process may use more.
        return ours | {
            **forkserver_environment(self.settings.runtime),
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "GRPC_ENABLE_FORK_SUPPORT": "0",
            "PATH": os.environ.get("PATH", os.defpath),
        }
