"""The worker: one process per installation. It admits jobs, runs their steps as children of the forkserver, reaps.

`python -m sandbox_suite.jobs.worker` runs it in the foreground; it ends after `idle_seconds` with nothing to do.
"""

import contextlib
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sandbox_suite.core.clock import iso, utc_now
from sandbox_suite.core.errors import SandboxError
from sandbox_suite.core.files import write_json
from sandbox_suite.core.settings import Settings, settings
from sandbox_suite.jobs import admission, policies, reaper, service, table
from sandbox_suite.jobs.children import Children, Stopping
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.execution import Execution
from sandbox_suite.jobs.model import State

POLL_SECONDS = 0.03
REAP_SECONDS = 5.0


class Worker:
    """Admits, executes and reaps until told to stop or idle for long enough."""

    def __init__(self, configured: Settings, children: Children, say: Callable[[str], None]) -> None:
        self.settings, self.children, self.say = configured, children, say
        self.database = Database(configured.home)
        self.machine = os.uname().nodename
        self.threads: dict[str, threading.Thread] = {}
        self.stopping = threading.Event()

    def run(self) -> None:
        """Work until stopped or idle."""
        busy_at, reaped_at, seen = time.monotonic(), 0.0, -1
        while not self.stopping.is_set():
            ended = self._forget_ended()
            version = self.database.changes()
            if version != seen or ended:
                seen = version
                self._admit()
            if time.monotonic() - reaped_at > REAP_SECONDS:
                reaped_at = time.monotonic()
                reaper.reap(self.database, utc_now(), self.say)
                self._start_running()
            if self.threads or table.in_state(self.database, State.QUEUED) or table.leased(self.database):
                busy_at = time.monotonic()
            elif time.monotonic() - busy_at > self.settings.idle_seconds:
                return
            self.stopping.wait(POLL_SECONDS)

    def _admit(self) -> None:
        try:
            rules = policies.resources(self.settings.config)
        except SandboxError as error:  # a file under edit: what was admitted goes on, nothing new starts
            self.say(str(error))
        else:
            quotas = {name: (quota.sandboxes, quota.weight) for name, quota in rules.tenants.items()}
            for job in admission.admit(self.database, self.machine, self.settings.capacity, quotas, iso(utc_now())):
                self.say(f"admitted {job}")
        self._start_running()

    def _start_running(self) -> None:
        for job in table.in_state(self.database, State.RUNNING):
            if job.id not in self.threads:
                thread = threading.Thread(target=self._execute, args=(job.id,), name=job.id)
                self.threads[job.id] = thread
                thread.start()

    def _execute(self, job: str) -> None:
        database = Database(self.settings.home)
        try:
            Execution(database, job, self.settings.job(job), run_step=self.children.run_step, clock=utc_now).run()
        except Stopping:
            self.say(f"{job} stays where it is: it can be resumed")
        finally:
            database.close()

    def _forget_ended(self) -> bool:
        ended = [job for job, thread in self.threads.items() if not thread.is_alive()]
        for job in ended:
            del self.threads[job]
        return bool(ended)


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


def main() -> int:
    """Run the worker in the foreground; return an exit code."""
    configured = settings()
    with only_one(configured.home) as alone:
        if not alone:
            _say("another worker lives; nothing to do")
            return 0
        write_json(configured.home / "worker.json", {"pid": os.getpid(), "started_at": iso(utc_now())})
        with Children(configured, _say) as children:
            worker = Worker(configured, children, _say)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: worker.stopping.set())
            _say(f"worker of {configured.home} (pid {os.getpid()})")
            worker.run()
            children.stop()
            for thread in list(worker.threads.values()):
                thread.join(timeout=10)
        _say("worker ends")
    sys.stdout.flush()
    os._exit(0)  # a thread that waits for a step must not hold the process: the journal has everything


def _say(line: str) -> None:
    sys.stdout.write(f"{iso(utc_now())} {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
