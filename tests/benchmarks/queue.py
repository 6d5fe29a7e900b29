"""bench.queue: 1,000 jobs of five tenants under 20 worker kills, on SQLite and on PostgreSQL."""

import argparse
from typing import Any

from tests.benchmarks.measuring import say, tell
from tests.chaos import queue_kills
from tests.chaos.postgres_server import binaries, server

KILLS = 20


def main() -> None:
    """Run both, and tell the worse figure of the two."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    found: dict[str, Any] = {"sqlite": _run("SQLite", asked, "")}
    if binaries():
        with server(durable=True) as one:
            found["postgresql"] = _run("PostgreSQL, two machines", asked, one.url)
    else:
        say("no PostgreSQL server is installed here: that half is left out")
    sums = {key: sum(one[key] for one in found.values()) for key in ("jobs", "lost", "twice", "over_quota", "kills")}
    share = min(one["least_share"] for one in found.values())
    submit = max(one["submit_ms"] for one in found.values())
    tell({**sums, "least_share": share, "submit_ms": submit, **found, "seed": asked.seed})


def _run(name: str, asked: argparse.Namespace, url: str) -> dict[str, Any]:
    say(f"{name}: {asked.runs} jobs, {KILLS} kills")
    return queue_kills.run(asked.runs, KILLS, asked.seed, url, say=say).as_dict()


if __name__ == "__main__":
    main()
