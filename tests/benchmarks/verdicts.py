"""bench.verdicts: how many slowdowns of 10 % a paired verdict finds, and how often it finds one where there is none.

Every time is measured, of a real little service (`verdicts_server`) in two processes, a version each, that are asked
interleaved: the 50 requests of a round go to both, in an order that is drawn for each. A slowdown is injected into the
second version: before its answer it works 10 % of the request's own median longer, as its client saw that at the
first version a moment before. Pairs with and without one alternate, in an order that is drawn too.

Both versions have the same processor, which is drawn for each two processes: on processors of their own the busier one
would be slower for as long as a pair takes, and no statistics can tell that from slower code. Where the evidence is
unclear more rounds are asked, up to `MOST` of them.
"""

import contextlib
import http.client
import os
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.regression.performance import paired
from sandbox_suite.regression.performance.paired import Evidence
from tests.benchmarks.measuring import QUIET, arguments, say, tell

REQUESTS = [f"/orders?customer={number}&limit={5 + number}" for number in range(40)] + [
    f"/sum?below={200 * number}" for number in range(1, 11)
]
ROUNDS, MOST = 8, 40  # each request is asked so often of each version before the evidence is looked at; at most
CALIBRATION = 3  # rounds before, that tell what 10 % is
SLOWDOWN = 0.10
NEEDED = {"found_share": 380 / 400, "false_share": 2 / 400}


@dataclass
class Version:
    """A service that answers, and the one connection to it."""

    connection: http.client.HTTPConnection

    def ask(self, target: str, slower_us: int) -> float:
        """Ask for one answer and return the seconds until it was whole."""
        began = time.perf_counter()
        self.connection.request("GET", target, headers={"X-Slower-Us": str(slower_us)})
        answer = self.connection.getresponse()
        answer.read()
        return time.perf_counter() - began


@contextlib.contextmanager
def serving(processor: int) -> Iterator[Version]:
    """Yield a version in a process of its own, on one processor."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.verdicts_server"], cwd=CHECKOUT, stdout=subprocess.PIPE, env=QUIET
    )
    assert process.stdout
    os.sched_setaffinity(process.pid, {processor})
    connection = http.client.HTTPConnection("127.0.0.1", int(process.stdout.readline()), timeout=30)
    try:
        yield Version(connection)
    finally:
        connection.close()
        process.stdout.close()
        process.terminate()
        process.wait(10)


def pair(first: Version, second: Version, slowdown: float, chance: random.Random) -> Evidence:
    """Measure one pair of versions, interleaved, and judge it."""
    usual = [statistics.median(first.ask(target, 0) for _ in range(CALIBRATION)) for target in REQUESTS]
    delays = [round(seconds * slowdown * 1e6) for seconds in usual]
    old: list[float] = []
    new: list[float] = []
    evidence = paired.compare(old, new)
    while evidence.finding == "unclear" and len(old) < MOST * len(REQUESTS):
        for _ in range(ROUNDS):
            for target, delay in zip(REQUESTS, delays, strict=True):
                if chance.random() < 0.5:
                    old.append(first.ask(target, 0))
                    new.append(second.ask(target, delay))
                else:
                    new.append(second.ask(target, delay))
                    old.append(first.ask(target, 0))
        evidence = paired.compare(old, new)
    return evidence


def main() -> None:
    """Measure, print the table on stderr and the figures on stdout."""
    asked = arguments()
    chance = random.Random(asked.seed)
    found: dict[bool, list[Evidence]] = {True: [], False: []}
    began = time.perf_counter()
    for number in range(asked.runs):
        processor = chance.choice(sorted(os.sched_getaffinity(0)))
        with serving(processor) as first, serving(processor) as second:  # new ones: their luck is drawn anew
            for slow in chance.sample([True, False], 2):
                found[slow].append(pair(first, second, SLOWDOWN if slow else 0.0, chance))
        if (number + 1) % 20 == 0:
            say(f"{number + 1} of {asked.runs}: {_shares(found)}")
    for line in table(found):
        say(line)
    tell(
        {
            "runs": asked.runs,
            **_shares(found),
            "needed": NEEDED,
            "findings": {_name(slow): dict(Counter(one.finding for one in all_)) for slow, all_ in found.items()},
            "pairs_median": statistics.median(one.pairs for all_ in found.values() for one in all_),
            "pairs_most": max(one.pairs for all_ in found.values() for one in all_),
            "tolerance": paired.TOLERANCE,
            "seconds": round(time.perf_counter() - began, 1),
            "seed": asked.seed,
        }
    )


def _shares(found: dict[bool, list[Evidence]]) -> dict[str, float]:
    def share(slow: bool) -> float:
        return round(sum(one.finding == "slower" for one in found[slow]) / max(1, len(found[slow])), 4)

    return {"found_share": share(True), "false_share": share(False)}


def _name(slow: bool) -> str:
    return f"{SLOWDOWN:.0%} slower" if slow else "as they are"


def table(found: dict[bool, list[Evidence]]) -> Iterator[str]:
    """Yield the table: what was found, and how the ratios and the widths of their intervals lie."""
    titles = "".join(f"{title:>{wide}}" for title, wide in (("pairs", 6), ("slower", 8), ("unclear", 9), ("same", 6)))
    yield f"{'versions':<14}{titles}{'faster':>8}   ratio 5 % / 50 % / 95 %   width"
    for slow, all_ in found.items():
        counts = Counter(one.finding for one in all_)
        ratios = sorted(one.ratio or 0 for one in all_)
        places = [ratios[min(len(ratios) - 1, int(len(ratios) * share))] for share in (0.05, 0.5, 0.95)]
        width = statistics.median((one.high or 0) - (one.low or 0) for one in all_)
        yield (
            f"{_name(slow):<14}{len(all_):>6}{counts['slower']:>8}{counts['unclear']:>9}{counts['same']:>6}"
            f"{counts['faster']:>8}   {places[0]:.3f} / {places[1]:.3f} / {places[2]:.3f}       {width:.3f}"
        )


if __name__ == "__main__":
    main()
