"""bench.engine: what the engine of jobs costs beside the steps: journal, start, waiting, on SQLite and on PostgreSQL.

The worker, its holder and its forkserver are the real ones. The job names a plan that does not exist: its first step
really runs, and refuses it.
"""

import contextlib
import datetime
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sandbox_suite.core.clock import iso, new_job_id, utc_now
from sandbox_suite.core.settings import Settings, load
from sandbox_suite.jobs import control, events, service, table
from sandbox_suite.jobs.database import Database, connect
from sandbox_suite.jobs.execution import Execution, StepCall
from sandbox_suite.jobs.model import STEPS, Request, State
from sandbox_suite.jobs.outcome import Outcome
from tests.benchmarks.measuring import arguments, median, say, tell
from tests.chaos.postgres_server import binaries, server

IDLE_SECONDS = 10.0
SETTLE_SECONDS = 6.0  # after a start, the forkserver warms what steps need
LONGEST_SECONDS = 60.0
PLAN = "none-of-the-plans"


def main() -> None:
    """Measure both databases; the figures of SQLite have the plain names."""
    runs = arguments().runs
    found = _measure("", runs)
    postgres: dict[str, Any] | None = None
    if binaries():
        with server(durable=True) as one:
            postgres = _measure(one.url, runs)
    else:
        say("no PostgreSQL server is installed here: that half is left out")
    tell({**found, "postgresql": postgres, "runs": runs})


def _measure(url: str, runs: int) -> dict[str, Any]:
    say("PostgreSQL" if url else "SQLite")
    with _home(url) as settings:
        found = {"step_ms": _step_ms(settings, runs)}
        cold = [_submitted(settings, cold=True) for _ in range(runs)]
        time.sleep(SETTLE_SECONDS)
        warm = [_submitted(settings) for _ in range(runs)]
        found["submit_to_step_s"] = median([begun for begun, _ in warm])
        found["submit_to_end_of_step_s"] = median([ended for _, ended in warm])
        found["cold_start_s"] = median([begun for begun, _ in cold])
        found["cold_end_of_step_s"] = median([ended for _, ended in cold])
        time.sleep(SETTLE_SECONDS)
        return found | _idle(settings)


@contextlib.contextmanager
def _home(url: str) -> Iterator[Settings]:
    """Yield the settings of a home of our own, for us and for the worker we start."""
    with tempfile.TemporaryDirectory(prefix="sbx-engine-") as folder:
        ours = {"SANDBOX_HOME": folder, "SANDBOX_DATABASE": url, "SANDBOX_IDLE_SECONDS": "600"}
        os.environ.update(ours)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # compiled files count
        settings = load(Path("/nowhere"), dict(os.environ))
        try:
            yield settings
        finally:
            service.stop(settings.home)


def _step_ms(settings: Settings, runs: int) -> float:
    """Return the median milliseconds that the engine adds to one step of a job."""

    def at_once(call: StepCall, cancelled: Callable[[], bool]) -> Outcome:
        return Outcome("ok", call.attempt, made={"verdict": "passed"})

    times = []
    for _ in range(10 * runs):
        job, database = new_job_id(utc_now()), connect(settings)
        table.submit(database, job, Request(PLAN, "default", "ann"), iso(utc_now()))
        table.move(database, job, State.RUNNING)
        begin = time.perf_counter()
        Execution(database, job, settings.job(job), run_step=at_once, clock=utc_now).run()
        times.append((time.perf_counter() - begin) / len(STEPS) * 1000)
        database.close()
    return median(times)


def _submitted(settings: Settings, cold: bool = False) -> tuple[float, float]:
    """Submit a job; return the seconds until its first step began, and until that had ended."""
    if cold:
        service.stop(settings.home)
    job, database, begin = new_job_id(utc_now()), connect(settings), time.time()
    control.submit(settings, Request(PLAN, "default", "ann"), job, utc_now)
    _wait(lambda: table.ended(table.get(database, job)))
    past = {event.kind: event for event in _steps(database, job)}
    database.close()
    return _moment(past["started"]) - begin, _moment(past["ended"]) - begin


def _steps(database: Database, job: str) -> list[events.Event]:
    return [event for event in events.read(database, job) if event.step == STEPS[0]]


def _moment(event: events.Event) -> float:
    return datetime.datetime.fromisoformat(event.time).timestamp()


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise SystemExit("the job did not end")
        time.sleep(0.01)


def _idle(settings: Settings) -> dict[str, float]:
    """Return what worker, holder and forkserver take while nothing is to do: percent of a core, MB of their share."""
    ours = _processes(settings)
    before, begin = _cpu_seconds(ours), time.monotonic()
    time.sleep(IDLE_SECONDS)
    percent = (_cpu_seconds(ours) - before) / (time.monotonic() - begin) * 100
    return {"idle_cpu_percent": round(percent, 2), "idle_mb": round(_pss_mb(ours), 1), "idle_processes": len(ours)}


def _processes(settings: Settings) -> list[Path]:
    """Return the folders in /proc of the processes that work for a home: known by its path, or its runtime folder's."""
    home, runtime = f"SANDBOX_HOME={settings.home}".encode(), str(settings.runtime).encode()
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            named = home in (path / "environ").read_bytes().split(b"\0") or runtime in (path / "cmdline").read_bytes()
            if named and path.name != str(os.getpid()):
                found.append(path)
    return found


def _cpu_seconds(processes: list[Path]) -> float:
    ticks = 0
    for path in processes:
        with contextlib.suppress(OSError):
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _pss_mb(processes: list[Path]) -> float:
    kilobytes = 0
    for path in processes:
        with contextlib.suppress(OSError):
            lines = (path / "smaps_rollup").read_text().splitlines()
            kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 1024


if __name__ == "__main__":
    main()
