"""bench.masking: a million rows of 15 columns with free text, masked; against plain Python, cell by cell; and the cold
path from an import to a golden database.

Each side is a process of its own on the same cores, in turn and in another order each round: `masking_side` masks all
rows, `plain_python` does the same work row by row on the first of them. Those must be equal in every cell.
"""

import json
import random
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from tests.benchmarks import people
from tests.benchmarks.measuring import QUIET, arguments, median, say, tell, timed

ROWS, COMPARED = 1_000_000, 100_000
SIDES = ("ours", "plain", "cold")


def main() -> None:
    """Measure, and print the medians."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    asked = arguments()
    with tempfile.TemporaryDirectory(prefix="sbx-bench-") as scratch:
        folder = Path(scratch)
        say(f"{ROWS} rows are made")
        people.write(folder / "people", ROWS, asked.seed)
        run("masking_side", "import", folder)
        taken: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
        chance = random.Random(asked.seed)
        for number in range(asked.runs):
            for side in chance.sample(SIDES, len(SIDES)):
                taken[side].append(measured(side, folder))
                say(f"run {number + 1} of {asked.runs}: {side:<6}{told(taken[side][-1])}")
        tell(figures(taken, differing(folder)) | {"runs": asked.runs, "seed": asked.seed})


def measured(side: str, folder: Path) -> dict[str, Any]:
    """Run a side once and return what it tells."""
    if side == "ours":
        return run("masking_side", "mask", folder)
    if side == "cold":
        return run("cold", folder / "people", folder / "people" / "people.yaml")
    out = folder / "plain"
    out.mkdir(exist_ok=True)
    return run("plain_python", folder / "people", COMPARED, out)


def run(module: str, *words: object) -> dict[str, Any]:
    """Run a module of this folder as a process and return the JSON that it prints."""
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", *map(str, words)]
    found: dict[str, Any] = json.loads(timed(command, QUIET)[1])
    return found


def told(one: dict[str, Any]) -> str:
    """Return what a run took as a line."""
    return ", ".join(
        f"{key} {value:.2f}" if isinstance(value, float) else f"{key} {value}" for key, value in one.items()
    )


def differing(folder: Path) -> int:
    """Return how many cells differ among the rows that both sides masked."""
    ours = pl.read_parquet(folder / "out" / "tables" / "people.parquet", n_rows=COMPARED)
    plain = pl.concat(pl.read_parquet(file) for file in in_order(folder / "plain"))
    if ours.schema != plain.schema or len(ours) != len(plain) or len(plain) != COMPARED:
        raise SystemExit(f"not the same rows: {len(ours)} and {len(plain)}, {ours.schema}, {plain.schema}")
    return sum(int(ours[name].ne_missing(plain[name]).sum()) for name in ours.columns)


def in_order(folder: Path) -> Iterator[Path]:
    """Yield what the processes of the plain side wrote, in the order of the rows."""
    yield from sorted(folder.glob("*.parquet"), key=lambda path: int(path.stem))


def figures(taken: dict[str, list[dict[str, Any]]], cells: int) -> dict[str, Any]:
    """Return the medians, and the median over the rounds of our rate by that of plain Python."""
    rates = {side: [one["rows"] / one["seconds"] for one in taken[side]] for side in ("ours", "plain")}
    parts = taken["cold"][0]["parts"]
    return {
        "rows_per_s": round(median(rates["ours"])),
        "ratio_python": median([ours / plain for ours, plain in zip(*rates.values(), strict=True)]),
        "cells_differing": cells,
        "rss_mb": max(one["rss_mb"] for one in taken["ours"]),
        "cold_s": median([one["seconds"] for one in taken["cold"]]),
        "cold_parts": {name: median([one["parts"][name] for one in taken["cold"]]) for name in parts},
        "cpu_s": median([one["cpu_s"] for one in taken["ours"]]),
        "plain_rows_per_s": round(median(rates["plain"])),
        "rows": ROWS,
        "cells_compared": COMPARED * len(people.COLUMNS),
    }


if __name__ == "__main__":
    main()
