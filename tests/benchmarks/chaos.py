"""bench.chaos: real jobs, ten at once, while jobs, workers and the reaper are killed; what is left afterwards."""

import argparse
import random
import signal
import sys

from tests.benchmarks.measuring import say, tell
from tests.benchmarks.own_home import own_home
from tests.chaos.storm import Storm

LEASE_SECONDS = 90


def main() -> None:
    """Let it storm."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with own_home(SANDBOX_CAPACITY="10", SANDBOX_LEASE_SECONDS=str(LEASE_SECONDS)) as invoke:
        found = Storm(invoke, random.Random(asked.seed), say).run(asked.runs)
    for what in (found.left, found.neighbours_hurt, found.without_final_state):
        for line in what:
            say(f"  {line}")
    tell(
        {
            "runs": found.runs,
            "left": len(found.left),
            "neighbours_hurt": len(found.neighbours_hurt),
            "without_final_state": len(found.without_final_state),
            "kills": found.kills,
            "states": found.states,
            "seconds": round(found.seconds, 1),
            "seed": asked.seed,
        }
    )


if __name__ == "__main__":
    main()
