"""Many jobs of many tenants, workers killed again and again: is one lost, run twice, let past a quota, or passed over?

The steps are stubbed to milliseconds; submitting, admission, journal, folders, audit and workers are the real ones.
What the queue did is told by a trigger inside the database, which sees every move of a job in its own transaction.
"""

import collections
import contextlib
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sandbox_suite.core.clock import new_job_id, utc_now
from sandbox_suite.core.settings import CHECKOUT, Settings, load
from sandbox_suite.jobs import control, table
from sandbox_suite.jobs.database import Database, connect
from sandbox_suite.jobs.model import Request, State
from tests.chaos.queue_worker import noted

CPUS, MEMORY = 3.0, 1280  # what one sandbox takes
TENANTS: dict[str, dict[str, float]] = {  # shares of ten slots: 1, 1, 2, 2, 4; every kind of quota
    "a": {"weight": 1, "sandboxes": 2, "jobs_per_day": 100_000},
    "b": {"weight": 1, "sandboxes": 9, "cpus": 3 * CPUS},
    "c": {"weight": 2, "sandboxes": 9, "memory_mb": 3 * MEMORY},
    "d": {"weight": 2, "sandboxes": 4},
    "e": {"weight": 4, "sandboxes": 6},
}
MOST = {"a": 2, "b": 3, "c": 3, "d": 4, "e": 6}  # what these quotas come to, in sandboxes
SLOTS = 10
WINDOW = 100
AHEAD = 0.8  # so many of the jobs are there before a worker is
PARTS = {
    "database": {"cpus": 1, "memory_mb": 512, "pids": 100, "tmpfs_mb": 64},
    "plugin": {"cpus": 1, "memory_mb": 512, "pids": 100, "tmpfs_mb": 64},
    "runner": {"cpus": 1, "memory_mb": 256, "pids": 100, "tmpfs_mb": 64},
}
MOVED = "CREATE TABLE moved (seq {serial}, job TEXT, tenant TEXT, machine TEXT, before TEXT, after TEXT)"
SQLITE = (
    MOVED.replace("{serial}", "INTEGER PRIMARY KEY AUTOINCREMENT"),
    "CREATE TRIGGER moved AFTER UPDATE OF state ON job WHEN old.state != new.state BEGIN INSERT INTO moved"
    " (job, tenant, machine, before, after) VALUES (new.id, new.tenant, new.machine, old.state, new.state); END",
)
POSTGRES = (
    MOVED.replace("{serial}", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
    "CREATE FUNCTION moved() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO moved"
    " (job, tenant, machine, before, after) VALUES (new.id, new.tenant, new.machine, old.state, new.state);"
    " RETURN new; END $$",
    "CREATE TRIGGER moved AFTER UPDATE OF state ON job FOR EACH ROW WHEN (old.state IS DISTINCT FROM new.state)"
    " EXECUTE FUNCTION moved()",
)


@dataclass
class Found:
    """What a run showed."""

    jobs: int
    lost: int  # without their end, or with another than the one they should have
    twice: int  # admitted twice, a finished step run again, or at work in two workers at once
    over_quota: int  # admissions past a tenant's quota or a machine's slots
    least_share: float  # of any tenant in any window of 100 admissions while all wait, by its fair share
    kills: int
    windows: int
    submit_ms: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the figures."""
        by_rank = sorted(self.submit_ms)
        return {
            "jobs": self.jobs,
            "lost": self.lost,
            "twice": self.twice,
            "over_quota": self.over_quota,
            "least_share": round(self.least_share, 3),
            "submit_ms": round(statistics.median(by_rank), 1),
            "submit_99_ms": round(by_rank[int(len(by_rank) * 0.99)], 1),
            "kills": self.kills,
            "windows": self.windows,
            "seconds": round(self.seconds, 1),
        }


class Installation:
    """A home with a worker that can be killed."""

    def __init__(self, folder: Path, name: str, url: str, slots: int) -> None:
        self.home = folder / name
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("SANDBOX_")},
            "SANDBOX_HOME": str(self.home),
            "SANDBOX_CONFIG": str(folder / "config"),
            "SANDBOX_DATABASE": url,
            "SANDBOX_CAPACITY": str(slots),
            "SANDBOX_IDLE_SECONDS": "600",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def submitting(self) -> Settings:
        """Return the settings of who submits: no worker is started by it."""
        return load(Path("/nowhere"), {**self.environment, "SANDBOX_CAPACITY": "0"})

    def start(self) -> None:
        """Start the worker."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "worker.out").open("ab") as out:
            command = [sys.executable, "-m", "tests.chaos.queue_worker"]
            self.process = subprocess.Popen(command, cwd=CHECKOUT, env=self.environment, stdout=out, stderr=out)

    def kill(self) -> None:
        """Kill the worker as nothing can prepare for, and start another."""
        self.end(signal.SIGKILL)
        self.start()

    def end(self, number: int = signal.SIGTERM) -> None:
        """End the worker."""
        if self.process:
            self.process.send_signal(number)
            self.process.wait(30)


def run(jobs: int, kills: int, seed: int, url: str = "", *, say: Callable[[str], None], seconds: float = 900) -> Found:
    """Submit the jobs, kill workers at random moments of the work, and judge what came of it."""
    chance = random.Random(seed)
    with _installations(url) as installations:
        place = installations[0].submitting()
        database = connect(place)
        for statement in POSTGRES if database.shared else SQLITE:
            with database.write() as execute:
                execute(statement)
        queue = [tenant for tenant in TENANTS for _ in range(jobs // len(TENANTS))]
        chance.shuffle(queue)
        ahead = int(len(queue) * AHEAD)
        took = [_submit(place, tenant) for tenant in queue[:ahead]]
        begin = time.monotonic()
        for one in installations:
            one.start()
        took += [_submit(place, tenant) for tenant in queue[ahead:]]
        moments = sorted(chance.sample(range(1, max(len(queue) - SLOTS, kills + 1)), kills))
        killed = _attend(database, installations, moments, len(queue), chance, begin + seconds, say)
        for one in installations:
            one.end()
        found = judge(database, [noted(one.home) for one in installations], len(queue), SLOTS // len(installations))
        found.kills, found.submit_ms, found.seconds = killed, took, time.monotonic() - begin
        database.close()
        return found


def _submit(place: Settings, tenant: str) -> float:
    """Submit a job; return the milliseconds it took."""
    request = Request("smoke", tenant, "ann")
    begin = time.perf_counter()
    control.submit(place, request, new_job_id(utc_now()), utc_now)
    return (time.perf_counter() - begin) * 1000


def _attend(
    database: Database,
    installations: Sequence[Installation],
    moments: list[int],
    jobs: int,
    chance: random.Random,
    deadline: float,
    say: Callable[[str], None],
) -> int:
    """Kill a worker each time so many jobs have ended, until all have; return how many were killed."""
    killed = 0
    while (ended := _ended(database)) < jobs and time.monotonic() < deadline:
        if moments and ended >= moments[0]:
            moments.pop(0)
            time.sleep(chance.uniform(0, 0.05))
            chance.choice(installations).kill()
            killed += 1
            say(f"kill {killed} after {ended} of {jobs} jobs")
        time.sleep(0.02)
    return killed


def _ended(database: Database) -> int:
    sql = "SELECT count(*) AS ended FROM job WHERE state NOT IN ('queued', 'running')"
    return int(database.read(sql)[0]["ended"])


@contextlib.contextmanager
def _installations(url: str) -> Iterator[list[Installation]]:
    """Yield one installation, or two that share the database at `url`."""
    with tempfile.TemporaryDirectory(prefix="sbx-queue-") as name:
        folder = Path(name)
        (folder / "config" / "sandbox").mkdir(parents=True)
        rules = {"tenants": TENANTS, "parts": PARTS, "machines": {"lost_after_seconds": 60}}
        (folder / "config" / "sandbox" / "resource_policies.yaml").write_text(yaml.safe_dump(rules))
        names = ("one", "two") if url else ("one",)
        made = [Installation(folder, each, url, SLOTS // len(names)) for each in names]
        try:
            yield made
        finally:
            for one in made:
                with contextlib.suppress(ProcessLookupError):
                    one.end(signal.SIGKILL)


def judge(database: Database, ran: Sequence[Path], jobs: int, slots: int) -> Found:
    """Return what the database, the journal and the steps themselves say of the run."""
    moves = database.read("SELECT * FROM moved ORDER BY seq")
    rows = table.latest(database, limit=10 * jobs)
    lost = jobs - sum(1 for job in rows if job.state == State.DONE and job.verdict == "passed")
    admissions = [move for move in moves if move["after"] == State.RUNNING]
    admitted = collections.Counter(move["job"] for move in admissions)
    twice = sum(1 for count in admitted.values() if count > 1) + _again(database) + _at_once(ran)
    least, windows = _least_share([move["tenant"] for move in admissions], jobs // len(TENANTS))
    return Found(jobs, lost, twice, _over(moves, slots), least, 0, windows)


def _again(database: Database) -> int:
    """Return how many steps began again after they had ended well."""
    finished: set[tuple[str, str]] = set()
    again = 0
    for event in database.read("SELECT job, step, kind, outcome FROM event ORDER BY seq"):
        what = (event["job"], event["step"])
        again += event["kind"] == "started" and what in finished
        if event["kind"] == "ended" and event["outcome"] == "ok":
            finished.add(what)
    return again


def _at_once(ran: Sequence[Path]) -> int:
    """Return how often a worker went on with a job that another one had begun to work on."""
    beaten: set[tuple[str, str]] = set()
    holder: dict[str, str] = {}
    found = 0
    for path in ran:
        for line in path.read_text().splitlines() if path.exists() else []:
            _, job, _, _, worker = line.split()
            found += (job, worker) in beaten
            if holder.get(job, worker) != worker:
                beaten.add((job, holder[job]))
            holder[job] = worker
    return found


def _over(moves: Sequence[dict[str, Any]], slots: int) -> int:
    """Replay every move; return how many admissions went past a quota or a machine's slots."""
    held: collections.Counter[str] = collections.Counter()
    at_work: collections.Counter[str] = collections.Counter()
    over = 0
    for move in moves:
        change = (move["after"] == State.RUNNING) - (move["before"] == State.RUNNING)
        held[move["tenant"]] += change
        at_work[move["machine"]] += change
        over += change > 0 and (held[move["tenant"]] > MOST[move["tenant"]] or at_work[move["machine"]] > slots)
    return over


def _least_share(admissions: Sequence[str], each: int) -> tuple[float, int]:
    """Return the least share of any tenant in any window while all wait, by its fair one; and the number of windows."""
    last = {tenant: _index(admissions, tenant, each) for tenant in TENANTS}
    waiting = min(last.values())  # from then on one has nothing left to wait with
    weights = sum(one["weight"] for one in TENANTS.values())
    least = 1.0
    windows = range(max(waiting - WINDOW + 1, 0))
    for begin in windows:
        counted = collections.Counter(admissions[begin : begin + WINDOW])
        shares = [counted[name] / (WINDOW * one["weight"] / weights) for name, one in TENANTS.items()]
        least = min(least, *shares)
    return least, len(windows)


def _index(admissions: Sequence[str], tenant: str, each: int) -> int:
    found = [index for index, name in enumerate(admissions) if name == tenant]
    return found[each - 1] if len(found) >= each else len(admissions)
