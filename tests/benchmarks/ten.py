"""bench.ten: ten real jobs at once, of two tenants; who is over the quota of his tenant waits, and then runs."""

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence

from sandbox_suite.jobs.database import Database
from tests.benchmarks.measuring import say, tell
from tests.benchmarks.memory import Memory
from tests.benchmarks.own_home import RUN, own_home
from tests.e2e.conftest import Invoke

JOBS = 10
TENANTS = ("default", "qa")  # whose quotas in config/ are four sandboxes, and two
MEBI = 1 << 20


def main() -> None:
    """Run them."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=JOBS, help="how many jobs at once")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with own_home(SANDBOX_CAPACITY=str(asked.runs)) as invoke:  # so that quotas alone decide
        with Memory(invoke.home) as memory:
            start = time.perf_counter()
            verdicts = at_once(invoke, asked.runs)
            seconds = time.perf_counter() - start
        waited, most = queued(Database(invoke.home), list(verdicts))
    tell(
        {
            "passed": [*verdicts.values()].count("passed"),
            "seconds": round(seconds, 1),
            "peak_mb": round(memory.peak / MEBI, 1),
            "jobs": asked.runs,
            "queued": waited,
            "most_at_once": most,
            "peak": {
                "processes_mb": round(memory.processes / MEBI, 1),
                "containers_mb": round(memory.containers / MEBI, 1),
            },
        }
    )


def at_once(invoke: Invoke, count: int, names: Sequence[str] = TENANTS) -> dict[str, str]:
    """Run jobs at once, the tenants in turn; return each one's verdict, or what went wrong."""
    tenants = [names[number % len(names)] for number in range(count)]
    running = [invoke.start(*RUN, "--tenant", tenant) for tenant in tenants]
    found: dict[str, str] = {}
    for process in running:
        out, err = process.communicate()
        try:
            run = json.loads(out)
        except ValueError:
            run = {"job": f"none {len(found)}", "verdict": None, "error": err[-500:]}
        found[run["job"]] = str(run["verdict"] or run["error"])
        say(f"{run['job']}: {found[run['job']]}")
    return found


def queued(database: Database, jobs: list[str]) -> tuple[int, int]:
    """Return how many jobs waited for the end of another one, and how many were at work at once at most."""
    rows = [
        row
        for row in database.read("SELECT id, created_at, admitted_at, ended_at FROM job")
        if row["id"] in jobs and row["admitted_at"]
    ]
    ends = [row["ended_at"] for row in rows]
    waited = sum(any(row["created_at"] < end <= row["admitted_at"] for end in ends) for row in rows)
    most = max(
        (sum(one["admitted_at"] <= row["admitted_at"] < one["ended_at"] for one in rows) for row in rows), default=0
    )
    return waited, most


if __name__ == "__main__":
    main()
