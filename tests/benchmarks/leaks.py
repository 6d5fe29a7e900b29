"""bench.leaks: planted leaks of every kind, clean datasets, and maskers that went wrong, all judged by the gate.

The thousands of small datasets are judged in this warm process by `gate.run.run`, the verb that the gate's own process
calls and nothing else; every mutation of the masker goes through `prepare`, with the gate in a process of its own.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sandbox_suite.datasets import attestation
from sandbox_suite.datasets.gate import run
from sandbox_suite.datasets.gate.verdict import Verdict
from tests.benchmarks import leaks_dataset, leaks_mutations, leaks_plants
from tests.benchmarks.leaks_dataset import Masked
from tests.benchmarks.leaks_plants import Kind
from tests.benchmarks.measuring import arguments, say, tell

PLANTED = 10_000  # values per run
MOST = 20  # values in one dataset
SHORT = 200  # values of names under five letters, per run
PER_BASE = 2  # leaky datasets made of one clean one
MASTER = bytes(range(32))


@dataclass
class Count:
    """What was planted of a kind, and what became of its datasets."""

    planted: int = 0
    datasets: int = 0
    missed: list[str] = field(default_factory=list)

    def add(self, planted: int, verdict: Verdict, what: str) -> None:
        """Count a dataset."""
        self.planted += planted
        self.datasets += 1
        self.missed += [what] if verdict.passed else []


@dataclass
class Bases:
    """Clean datasets, each judged before anything is planted into it."""

    folder: Path
    seed: int
    signing: bytes
    clean: Count = field(default_factory=Count)
    blocked: list[str] = field(default_factory=list)
    _used: int = 0
    _base: Masked | None = None

    def next(self) -> Masked:
        """Return a copy of a clean dataset; a new one every second time."""
        if self._base is None or self._used == PER_BASE:
            shutil.rmtree(self.folder / "base", ignore_errors=True)
            number = self.seed * 1_000_000 + self.clean.datasets
            self._base, self._used = leaks_dataset.make(self.folder / "base", number, MASTER), 0
            verdict = self.judge(self._base)
            self.clean.datasets += 1
            if not verdict.passed:
                self.blocked.append(f"{number}: {', '.join(str(item.as_finding()) for item in verdict.findings)}")
        self._used += 1
        shutil.rmtree(self.folder / "copy", ignore_errors=True)
        return self._base.copy(self.folder / "copy")

    def judge(self, masked: Masked) -> Verdict:
        """Return what the gate says, in this process."""
        return run.run(masked.request(), MASTER, self.signing)


def main() -> None:
    """Measure and print."""
    asked = arguments()
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="leaks-") as folder:
        counts, short, bases = survey(Path(folder), asked.seed, asked.runs * PLANTED, asked.runs * SHORT)
        changed = mutated(Path(folder), asked.seed)
    _table(counts)
    _table({"short names: " + place: count for place, count in short.items()})
    for line in bases.blocked:
        say(f"clean, but blocked: {line}")
    leaky, missed = (
        sum(item.datasets for item in counts.values()),
        [what for item in counts.values() for what in item.missed],
    )
    tell(
        {
            "planted": sum(item.planted for item in counts.values()),
            "blocked_share": 1 - len(missed) / leaky,
            "clean_blocked_share": round(len(bases.blocked) / bases.clean.datasets, 5),
            "mutations": len(changed),
            "mutations_blocked": sum(changed.values()),
            "leaky_datasets": leaky,
            "clean_datasets": bases.clean.datasets,
            "kinds": len(set(leaks_plants.kinds())),
            "missed": missed,
            "not_blocked": [name for name, stopped in changed.items() if not stopped],
            "short_names": {
                "planted": sum(item.planted for item in short.values()),
                "datasets": sum(item.datasets for item in short.values()),
                "missed": [what for item in short.values() for what in item.missed],
            },
            "seconds": round(time.monotonic() - start, 1),
            "runs": asked.runs,
            "seed": asked.seed,
        }
    )


def survey(folder: Path, seed: int, planted: int, short: int) -> tuple[dict[str, Count], dict[str, Count], Bases]:
    """Plant so many values, and short names, of every kind in turn; return the counts per kind, and the clean ones."""
    bases = Bases(folder, seed, attestation.new_key())
    chance = random.Random(seed)
    counts = _plant(bases, _in_turn(list(leaks_plants.kinds()), chance), planted, chance)
    return counts, _plant(bases, _in_turn(list(leaks_plants.short_kinds()), chance), short, chance), bases


def _plant(bases: Bases, kinds: Iterator[Kind], planted: int, chance: random.Random) -> dict[str, Count]:
    counts: dict[str, Count] = {}
    total = 0
    while total < planted:
        kind, copy = next(kinds), bases.next()
        there = leaks_plants.plant(copy, kind, min(chance.randint(1, MOST), planted - total), chance)
        if not there:
            continue  # no value of this type can be spelled so
        counts.setdefault(str(kind), Count()).add(there, bases.judge(copy), f"{kind}: {kind.type}, {there} planted")
        total += there
        if sum(count.datasets for count in counts.values()) % 100 == 0:
            say(f"{total} of {planted} planted, {sum(len(count.missed) for count in counts.values())} missed")
    return counts


def _in_turn(kinds: list[Kind], chance: random.Random) -> Iterator[Kind]:
    """Yield the kinds over and over, in another order each time."""
    while True:
        chance.shuffle(kinds)
        yield from kinds


def mutated(folder: Path, seed: int) -> dict[str, bool]:
    """Return whether each masker that went wrong was blocked."""
    if leaks_mutations.blocked(leaks_mutations.Mutation("none"), folder / "sound", seed):
        raise SystemExit("a masker without fault is blocked: what is measured here would mean nothing")
    stopped = {}
    for number, mutation in enumerate(leaks_mutations.mutations()):
        stopped[mutation.name] = leaks_mutations.blocked(mutation, folder / f"mutation-{number}", seed)
        say(f"{'blocked' if stopped[mutation.name] else 'NOT BLOCKED'}: {mutation.name}")
        shutil.rmtree(folder / f"mutation-{number}", ignore_errors=True)
    stopped["killed midway"] = leaks_mutations.killed(folder / "killed")
    say(f"{'blocked' if stopped['killed midway'] else 'NOT BLOCKED'}: killed midway")
    return stopped


def _table(counts: dict[str, Count]) -> None:
    say(f"\n{'kind':<58} {'planted':>7} {'datasets':>8} {'blocked':>7}")
    for kind, count in sorted(counts.items()):
        say(f"{kind:<58} {count.planted:>7} {count.datasets:>8} {count.datasets - len(count.missed):>7}")
        for what in count.missed:
            say(f"    missed: {what}")


if __name__ == "__main__":
    main()
