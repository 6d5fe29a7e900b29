"""The worker as a service of this installation: look, start, stop. Cheap: every `sandbox.*` task asks."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.files import read_json
from sandbox_suite.core.settings import CHECKOUT, Settings
from sandbox_suite.jobs import database_url, requests

START_SECONDS = 20


@dataclass(frozen=True)
class WorkerStatus:
    """Whether a worker lives, and which."""

    running: bool
    pid: int | None
    started_at: str
    log: str

    def as_dict(self) -> dict[str, Any]:
        """Return the status as JSON shows it."""
        return {"running": self.running, "pid": self.pid, "started_at": self.started_at, "log": self.log}


def lock_path(home: Path) -> Path:
    """Return the file whose lock the living worker holds."""
    return home / "worker.lock"


def log_path(home: Path) -> Path:
    """Return the worker's log."""
    return home / "logs" / "worker.log"


def facts_path(home: Path) -> Path:
    """Return the file that says which worker lives; one that ended in order has taken it away."""
    return home / "worker.json"


def ended_in_order(home: Path) -> bool:
    """Whether the worker that does not live any more was told to end, or had nothing to do: it was not killed."""
    return not facts_path(home).exists()


def alive(home: Path) -> bool:
    """Whether a worker holds the lock; asking takes some ten microseconds."""
    try:
        with lock_path(home).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def status(home: Path) -> WorkerStatus:
    """Return what is known of the worker."""
    running = alive(home)
    facts: dict[str, Any] = {}
    if running:
        with contextlib.suppress(OSError, ValueError):
            facts = read_json(facts_path(home))
    return WorkerStatus(running, facts.get("pid"), facts.get("started_at", ""), str(log_path(home)))


def ensure(settings: Settings) -> None:
    """Start a worker where none lives; two at once end up with one. Raises InfrastructureError with the log's tail."""
    if alive(settings.home) or settings.capacity == 0:  # a machine of capacity 0 only submits: others work
        return
    log = log_path(settings.home)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox_suite.jobs.worker"],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env=environment(settings),
        )
    deadline = time.monotonic() + START_SECONDS
    while not alive(settings.home):
        if process.poll() not in (None, 0) or time.monotonic() > deadline:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
            raise InfrastructureError(
                f"the worker did not start:\n{tail}", left="the job waits in the queue", remedy=f"see {log}"
            )
        time.sleep(0.01)


def environment(settings: Settings) -> dict[str, str]:
    """Return the worker's environment: the caller's, without what belongs to the caller's job alone.

    Each job brings that itself (`requests.noted`): the worker serves jobs of many callers.
    """
    ours = database_url.variables(settings.database)  # the secret of the database is the installation's, not a job's
    dropped = {"PYTHONDONTWRITEBYTECODE", *(name for name in requests.noted(os.environ) if name not in ours)}
    kept = {key: value for key, value in os.environ.items() if key not in dropped}
    venv = str(Path(sys.executable).parent)
    path = kept.get("PATH", os.defpath)
    return kept | {
        "SANDBOX_HOME": str(settings.home),
        "SANDBOX_CACHE": str(settings.cache),
        "PATH": path if path.startswith(venv) else f"{venv}:{path}",
        "LC_ALL": "C.UTF-8",
    }


def stop(home: Path, seconds: float = 30) -> bool:
    """End the worker and wait for it; its running jobs can be resumed. Returns whether there was one."""
    now = status(home)
    if not now.running or not now.pid:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(now.pid, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while alive(home) and time.monotonic() < deadline:
        time.sleep(0.02)
    if alive(home):
        raise InfrastructureError(
            f"the worker (pid {now.pid}) did not end in {seconds:.0f} s", remedy=f"see {log_path(home)}"
        )
    return True
