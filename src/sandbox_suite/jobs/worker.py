"""The worker: one process per installation. It admits jobs, runs their steps as children of the forkserver, reaps.

`python -m sandbox_suite.jobs.worker` runs it in the foreground; it ends after `idle_seconds` with nothing to do.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from sandbox_suite.core.clock import iso, utc_now
from sandbox_suite.core.errors import SandboxError
from sandbox_suite.core.files import write_json
from sandbox_suite.core.settings import Settings, settings
from sandbox_suite.jobs import admission, arrival, lease_watch, machines, policy_store, reaper, restored, service, table
from sandbox_suite.jobs.children import Children, Stopping
from sandbox_suite.jobs.database import DatabaseError, Fence, NoLongerOursError, connect
from sandbox_suite.jobs.execution import Execution, StepCall
from sandbox_suite.jobs.model import State
from sandbox_suite.jobs.outcome import Outcome

POLL_SECONDS = 0.03
LOOK_SECONDS = 1.0  # what no change of the database tells: edited policies, the clock
REAP_SECONDS = 5.0
SWEEP_SECONDS = 8.0


class Steps(Protocol):
    """Runs steps."""

    def run_step(self, call: StepCall, cancelled: Callable[[], bool]) -> Outcome | None:
        """Run a step to its end; None where its process ended without leaving an outcome."""

    def sweep(self) -> None:
        """End what the engine holds of this installation and nobody owns; return when that is done."""

    def stop(self) -> None:
        """End what runs: its jobs can be resumed."""


class Worker:
    """Admits, executes and reaps until told to stop or idle for long enough."""

    def __init__(self, configured: Settings, steps: Steps, say: Callable[[str], None]) -> None:
        self.settings, self.steps, self.say = configured, steps, say
        self.database = connect(configured)
        self.machine = machines.own(configured)
        self.threads: dict[str, threading.Thread] = {}
        self.stopping = threading.Event()
        self._removing: threading.Thread | None = None
        self._watch: subprocess.Popen[bytes] | None = None  # of the leases
        self._sweeping: threading.Thread | None = None
        self._told = ""
        self._due: dict[str, float] = {"sweep": time.monotonic()}  # not at once: what is asked for goes first

    def run(self) -> None:
        """Work until stopped or idle."""
        self._arrive()
        busy_at, seen = time.monotonic(), -1
        while not self.stopping.is_set():
            with self._patiently():
                version = self.database.changes()
                if self._forget_ended() or version != seen or self._is_due("look", LOOK_SECONDS):
                    seen = version
                    self._look()
                    if self._busy():
                        busy_at = time.monotonic()
            if time.monotonic() - busy_at > self.settings.idle_seconds:
                break
            self.stopping.wait(POLL_SECONDS)

    def _arrive(self) -> None:
        """See what became of the database and of our jobs while no worker lived here."""
        if wrong := restored.look(self.database, self.settings.home):
            for line in (wrong, *restored.mend(self.database, self.settings, self.machine, utc_now)):
                self.say(line)
        machines.adopt(self.database, self.machine)
        self._beat()

    def _look(self) -> None:
        if self._is_due("beat", machines.BEAT_SECONDS):
            self._beat()
        self._admit()
        if self._is_due("reap", REAP_SECONDS):
            reaper.reap(self.database, self.machine, utc_now(), self.say)
            restored.note(self.database, self.settings.home)
            self._watch_leases()
        self._sweep()
        self._start_running()

    def _watch_leases(self) -> None:
        """Have the leases of this machine's sandboxes watched, in case that this worker is killed."""
        if self._watch and self._watch.poll() is not None:
            self._watch = None
        if self._leased() and self._watch is None:
            self._watch = lease_watch.ensure(self.settings)

    def _leased(self) -> bool:
        return any(job.machine in ("", self.machine) for job in table.leased(self.database))

    def _sweep(self) -> None:
        """Have what nobody owns ended, one look at a time."""
        if self._is_due("sweep", SWEEP_SECONDS) and not (self._sweeping and self._sweeping.is_alive()):
            self._sweeping = threading.Thread(target=self.steps.sweep, daemon=True)
            self._sweeping.start()

    def _beat(self) -> None:
        """Show that this machine lives, where others share the database; see to what lost ones had."""
        if not self.database.shared:
            return
        if machines.beat(self.database, self.machine, self.settings.capacity) == "lost":
            self._removing = threading.Thread(target=self._remove_lost, daemon=True)
            self._removing.start()
        policy = policy_store.current(self.settings).rules.machines
        for line in machines.take_from_lost(self.database, policy, utc_now()):
            self.say(line)

    def _remove_lost(self) -> None:
        """This machine was taken for lost: remove what jobs that are another's now had made here."""
        self.say("this machine was taken for lost: its jobs are no longer its")
        database = connect(self.settings)
        for job in machines.lost_here(database, self.machine):
            if job not in self.threads and arrival.remove(self.settings, job, self.steps.run_step):
                self.say(f"what job {job} had left on this machine is removed")

    def _admit(self) -> None:
        try:
            force = policy_store.current(self.settings)
        except SandboxError as error:  # never a good version: what was admitted goes on, nothing new starts
            self._tell(str(error))
            return
        self._tell("\n".join(str(finding) for finding in force.findings))
        rules = machines.rules(force.rules, self.settings)
        removing = self._removing and self._removing.is_alive()  # of a job that might come again
        if not removing and table.in_state(self.database, State.QUEUED):
            for job in admission.admit(self.database, self.machine, rules, utc_now()):
                self.say(f"admitted {job}")

    def _tell(self, what: str) -> None:
        """Say what is wrong with the policies, once."""
        if what and what != self._told:
            self.say(what)
        self._told = what

    def _start_running(self) -> None:
        for job in table.in_state(self.database, State.RUNNING, machine=self.machine):
            if job.id not in self.threads:
                fence = Fence(job.id, self.machine, job.claim)
                thread = threading.Thread(target=self._execute, args=(fence,), name=job.id)
                self.threads[job.id] = thread
                thread.start()

    def _execute(self, fence: Fence) -> None:
        job, database = fence.job, connect(self.settings, fence)
        try:
            arrival.prepare(self.settings, table.get(database, job), self.machine, utc_now)
            Execution(database, job, self.settings.job(job), run_step=self.steps.run_step, clock=utc_now).run()
        except Stopping:
            self.say(f"{job} stays where it is: it can be resumed")
        except NoLongerOursError as error:
            self.say(str(error.explanation.what))
        except DatabaseError as error:
            self.say(f"{job} goes on when that is possible: {error.explanation.what}")
            self.stopping.wait(LOOK_SECONDS)
        finally:
            database.close()

    def leave(self) -> None:
        """Say goodbye: what is left of this machine's jobs is its own, and goes on when a worker lives here again."""
        with contextlib.suppress(SandboxError):
            restored.note(self.database, self.settings.home)
            if self.database.shared:
                machines.beat(self.database, self.machine, 0, "stopped")

    def _busy(self) -> bool:
        return bool(self.threads or self._leased() or table.in_state(self.database, State.QUEUED))

    def _forget_ended(self) -> bool:
        ended = [job for job, thread in self.threads.items() if not thread.is_alive()]
        for job in ended:
            del self.threads[job]
        return bool(ended)

    def _is_due(self, what: str, seconds: float) -> bool:
        now = time.monotonic()
        if now - self._due.get(what, -seconds) < seconds:
            return False
        self._due[what] = now
        return True

    @contextlib.contextmanager
    def _patiently(self) -> Iterator[None]:
        """A database that does not answer is waited for; one that was replaced is not."""
        try:
            yield
        except DatabaseError as error:
            if not self.database.is_there():
                raise
            self.say(str(error))
            self.stopping.wait(LOOK_SECONDS)
        except SandboxError as error:
            self.say(str(error))


@contextlib.contextmanager
def only_one(home: Path) -> Iterator[bool]:
    """Hold the worker's lock; yields False where another worker lives."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with service.lock_path(home).open("w") as file:
        for _ in range(50):  # whoever asks whether a worker lives holds the lock for a moment
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.005)
            else:
                yield True
                return
        yield False


def serve(configured: Settings, children: AbstractContextManager[Steps]) -> int:
    """Be the one worker of a home until told to stop or idle; return an exit code."""
    with only_one(configured.home) as alone:
        if not alone:
            _say("another worker lives; nothing to do")
            return 0
        write_json(service.facts_path(configured.home), {"pid": os.getpid(), "started_at": iso(utc_now())})
        with children as steps:
            worker = Worker(configured, steps, _say)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: worker.stopping.set())
            _say(f"worker of {configured.home} (pid {os.getpid()})")
            code = _work(worker)
            steps.stop()
            for thread in list(worker.threads.values()):
                thread.join(timeout=10)
            worker.leave()
        service.facts_path(configured.home).unlink(missing_ok=True)
        _say("worker ends")
    sys.stdout.flush()
    os._exit(code)  # a thread that waits for a step must not hold the process: the journal has everything


def _work(worker: Worker) -> int:
    try:
        worker.run()
    except SandboxError as error:
        _say(str(error))
        return error.exit_code
    return 0


def main() -> int:
    """Run the worker in the foreground; return an exit code."""
    configured = settings()
    return serve(configured, Children(configured, _say))


def _say(line: str) -> None:
    sys.stdout.write(f"{iso(utc_now())} {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
