"""bench.hostile: hostile and broken containers, one by one; then both sides of the frame protocol fuzzed for minutes.

`clear_errors` of `cases` came to what they should within their time; `left` counts what stayed of them. The fuzzers try
arbitrary holders on agents (in a hardened container) and arbitrary agents on a holder, side by side; a crash, a hang, a
process left behind or growing memory is a finding.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.measuring import say, tell
from tests.benchmarks.sessions import container, image
from tests.chaos import sessions_fuzz
from tests.chaos.sessions_cases import Cases


def main() -> None:
    """Measure."""
    asked = arguments()
    outcomes, left = [], []
    for _ in range(asked.runs):
        with tempfile.TemporaryDirectory(prefix="sbx-hostile-", ignore_cleanup_errors=True) as runtime:
            cases = Cases(Path(runtime), image(), say)
            outcomes += cases.run()
            left += cases.left()
    unclear = [outcome for outcome in outcomes if outcome.problems]
    fuzzed = fuzz(asked.seed, 60 * asked.minutes)
    findings = [finding for found in fuzzed.values() for finding in found.pop("findings")]
    for line in (*left, *findings):
        say(line)
    figures: dict[str, Any] = {
        "cases": len(outcomes),
        "clear_errors": len(outcomes) - len(unclear),
        "left": len(left),
        "fuzz_minutes": asked.minutes,
        "findings": findings,
        "fuzzed": fuzzed,
        "slowest_s": round(max(outcome.seconds for outcome in outcomes), 2),
    }
    tell({**figures, "runs": asked.runs, "seed": asked.seed})


def arguments() -> argparse.Namespace:
    """Return --runs, --seed and --minutes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=10)
    return parser.parse_args()


def fuzz(seed: int, seconds: float) -> dict[str, dict[str, Any]]:
    """Fuzz both sides; return how much was tried and what was found."""
    say(f"fuzzing both sides for {seconds:.0f} s")
    with container() as box:
        fuzzers = [sessions_fuzz.agents(box, seed, seconds), sessions_fuzz.holders(seed, seconds)]
        return {fuzzer.name: fuzzer.result() for fuzzer in fuzzers}


if __name__ == "__main__":
    main()
