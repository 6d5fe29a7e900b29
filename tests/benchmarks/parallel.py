"""bench.parallel: two jobs at once against one, interleaved; then four at once, and the most memory they need.

Seconds are from the first command to the last exit, with a warm worker that admits all of them at once.
"""

import json
import random
import signal
import sys
import time
from typing import Any

from tests.benchmarks.measuring import arguments, median, say, tell
from tests.benchmarks.memory import Memory
from tests.benchmarks.own_home import RUN, own_home
from tests.e2e.conftest import Invoke

MOST = 4
MEBI = 1 << 20


def main() -> None:
    """Measure."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    asked = arguments()
    with own_home(SANDBOX_CAPACITY=str(MOST)) as invoke:
        at_once(invoke, 2)  # not counted: the second job's first meeting with a warm worker
        taken = measure(invoke, asked.runs, random.Random(asked.seed))
        with Memory(invoke.home) as memory:
            seconds, verdicts = at_once(invoke, MOST)
    say(f"four at once: {seconds:.2f} s, {verdicts}")
    tell(
        {
            "two_ratio": median([two / one for one, two in zip(taken[1], taken[2], strict=True)]),
            "four_passed": verdicts.count("passed"),
            "peak_mb": round(memory.peak / MEBI, 1),
            "one_s": median(taken[1]),
            "two_s": median(taken[2]),
            "four_s": round(seconds, 3),
            "peak": {
                "processes_mb": round(memory.processes / MEBI, 1),
                "containers_mb": round(memory.containers / MEBI, 1),
            },
            "runs": asked.runs,
            "seed": asked.seed,
        }
    )


def measure(invoke: Invoke, runs: int, chance: random.Random) -> dict[int, list[float]]:
    """Run one job and two at once `runs` times, in another order each round; return the seconds of each."""
    taken: dict[int, list[float]] = {1: [], 2: []}
    for number in range(runs):
        for count in chance.sample(sorted(taken), len(taken)):
            seconds, verdicts = at_once(invoke, count)
            if verdicts != ["passed"] * count:
                raise SystemExit(f"{count} at once: {verdicts}")
            taken[count].append(seconds)
            say(f"run {number + 1} of {runs}: {count} at once {seconds:6.2f} s")
    return taken


def at_once(invoke: Invoke, count: int) -> tuple[float, list[str]]:
    """Run jobs at once; return the seconds until the last has ended, and each one's verdict, or what went wrong."""
    start = time.perf_counter()
    running = [invoke.start(*RUN) for _ in range(count)]
    ended = [process.communicate() for process in running]
    seconds = time.perf_counter() - start
    return seconds, [_verdict(out, err) for out, err in ended]


def _verdict(out: str, err: str) -> str:
    try:
        run: dict[str, Any] = json.loads(out)
    except ValueError:
        return err[-500:]
    if run["verdict"] is None:
        return str(run["error"])
    return str(run["verdict"])


if __name__ == "__main__":
    main()
