"""bench.kills: SIGKILLs at random instants over all steps, then resume; each job must end as if nothing had been."""

import argparse
import signal
import sys
import time

from tests.benchmarks.measuring import say, tell
from tests.benchmarks.own_home import own_home
from tests.chaos.job_kills import Killer, Result, drawn


def main() -> None:
    """Kill."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=1, help="number of the first kill: repeats one alone")
    asked = parser.parse_args()
    results: list[Result] = []
    unclean = []
    with own_home() as invoke:
        killer = Killer(invoke)
        for number in range(asked.first, asked.first + asked.runs):
            kill, start = drawn(asked.seed, number), time.perf_counter()
            result = killer.go(kill)
            results.append(result)
            work = "" if result.first_work_s is None else f", first work after {result.first_work_s:.2f} s"
            words = "SAME" if not result.wrong else "WRONG"
            say(f"{kill}, {result.killed} killed: {words} after {time.perf_counter() - start:.1f} s{work}")
            for line in result.wrong:
                say(f"  {result.job}: {line}")
            unclean += [str(kill)] if result.wrong else []
    tell(
        {
            "runs": asked.runs,
            "same": sum(one.same for one in results),
            "steps_twice": sum(one.steps_twice for one in results),
            "first_work_s": round(max((one.first_work_s or 0.0 for one in results), default=0.0), 3),
            "unclean": unclean,
            "killed": killer.killed,
            "seed": asked.seed,
        }
    )


if __name__ == "__main__":
    main()
