"""bench.stack-kills: SIGKILLs at random instants of provision and destroy; each job must end clean afterwards."""

import argparse
import signal
import sys
import time

from tests.benchmarks.measuring import say, tell
from tests.benchmarks.own_home import own_home
from tests.chaos.stack_kills import Killer, drawn, usual


def main() -> None:
    """Kill."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=1, help="number of the first kill: repeats one alone")
    asked = parser.parse_args()
    unclean = []
    with own_home() as invoke:
        seconds, killer = usual(invoke), Killer(invoke)
        for number in range(asked.first, asked.first + asked.runs):
            kill, start = drawn(asked.seed, number), time.perf_counter()
            wrong = killer.go(kill, seconds[kill.phase])
            say(f"{kill}: {'CLEAN' if not wrong else 'NOT CLEAN'} after {time.perf_counter() - start:.1f} s")
            for line in wrong:
                say(f"  {line}")
            unclean += [str(kill)] if wrong else []
    tell(
        {
            "runs": asked.runs,
            "clean": asked.runs - len(unclean),
            "unclean": unclean,
            "killed": killer.killed,
            "seed": asked.seed,
        }
    )


if __name__ == "__main__":
    main()
