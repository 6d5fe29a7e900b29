"""bench.job: the whole job, against Molecule and against the Engine API alone, interleaved in one run.

Seconds are from command to exit; `cpu_s` is what the whole machine worked meanwhile (engine, worker, containers and
children included), so nothing else should run. Ours and the floor clone the golden database, Molecule loads the rows.
"""

import json
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sandbox_suite.core.files import read_json
from sandbox_suite.core.settings import settings
from sandbox_suite.jobs import table, timing
from sandbox_suite.jobs.database import connect
from tests.benchmarks import peers
from tests.benchmarks.measuring import INVOKE, QUIET, arguments, busy_seconds, median, say, tell, timed

Side = Callable[[], dict[str, float]]  # runs once; returns the seconds of each step
RUN = [INVOKE, "sandbox.run", "--plan", "smoke", "--json"]


def main() -> None:
    """Measure."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    asked = arguments("profile")
    place = peers.environment()
    say("one run of each, not counted, to make dataset, images, worker and caches warm")
    folder = settings().job(json.loads(timed(RUN, QUIET)[1])["job"])
    ours = Ours()
    with tempfile.TemporaryDirectory(prefix="sbx-bench-") as scratch:
        sides: dict[str, Side] = {
            "ours": ours.run,
            "floor": lambda: floor(folder / "plan.json"),
            "molecule": peers.Molecule(place, read_json(folder / "plan.json"), Path(scratch)).run,
        }
        for side in ("floor", "molecule"):
            sides[side]()
        taken = measure(sides, asked.runs, random.Random(asked.seed))
        told = {**figures(taken), "runs": asked.runs, "seed": asked.seed}
        tell(told | ({"profile": ours.profile([one["seconds"] for one in taken["ours"]])} if asked.profile else {}))


def measure(sides: dict[str, Side], runs: int, chance: random.Random) -> dict[str, list[dict[str, Any]]]:
    """Run every side `runs` times, each round in another order; return seconds, CPU-seconds and steps of each run."""
    taken: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
    for number in range(runs):
        for name in chance.sample(sorted(sides), len(sides)):
            before, start = busy_seconds(), time.perf_counter()
            steps = sides[name]()
            seconds, cpu = time.perf_counter() - start, busy_seconds() - before
            taken[name].append({"seconds": seconds, "cpu": cpu, "steps": steps})
            say(f"run {number + 1} of {runs}: {name:<9}{seconds:6.2f} s, {cpu:5.1f} CPU-seconds; {_told(steps)}")
    return taken


def _told(steps: dict[str, float]) -> str:
    return ", ".join(f"{step} {seconds:.2f}" for step, seconds in steps.items())


def figures(taken: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return the medians of ours, of each peer, and the ratios pair by pair: under 1, ours is quicker."""

    def ratio(side: str) -> float:
        pairs = zip(taken["ours"], taken[side], strict=True)
        return median([ours["seconds"] / other["seconds"] for ours, other in pairs])

    def side(name: str) -> dict[str, Any]:
        runs = taken[name]
        return {
            "seconds": median([one["seconds"] for one in runs]),
            "steps": {step: median([one["steps"][step] for one in runs]) for step in runs[0]["steps"]},
            "cpu_s": median([one["cpu"] for one in runs]),
        }

    return {
        "ratio_molecule": ratio("molecule"),
        "ratio_floor": ratio("floor"),
        **side("ours"),
        "peers": {name: side(name) for name in taken if name != "ours"},
    }


class Ours:
    """Our side; remembers its jobs."""

    def __init__(self) -> None:
        self._jobs: list[str] = []

    def run(self) -> dict[str, float]:
        """Run the job."""
        run = json.loads(timed(RUN, QUIET)[1])
        if run["verdict"] != "passed" or run["cases"]["passed"] != peers.CASES or run["setup"]:
            raise SystemExit(f"ours: {run['verdict']}, {run['cases']}, set up {run['setup']}")
        self._jobs.append(run["job"])
        return {step["name"]: step["seconds"] for step in run["steps"]}

    def profile(self, seconds: Sequence[float]) -> dict[str, Any]:
        """Tell where the time of the median run went, `seconds` being that of each; `command` is outside of its job."""
        median_low = sorted(seconds)[(len(seconds) - 1) // 2]
        job = self._jobs[seconds.index(median_low)]
        times = timing.of(settings(), table.get(connect(settings()), job))
        times["command"] = round(median_low - times["seconds"], 3)
        say(f"our median run, job {job}: {median_low:.3f} s, {times['command']:.3f} of them before and after the job")
        for line in timing.lines(times):
            say(line)
        return times


def floor(plan: Path) -> dict[str, float]:
    """Do the same work through the Engine API."""
    spans: dict[str, float] = json.loads(timed([sys.executable, "-m", "tests.benchmarks.floor", str(plan)], QUIET)[1])
    return spans


if __name__ == "__main__":
    main()
