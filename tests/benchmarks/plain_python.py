"""The peer of bench.masking: the same masks in plain Python, row by row, on as many processes as there are cores.

What a careful programmer would write without whole columns: dictionaries of rows, the scalar form of each mask, keys
derived once, FF1 from a compiled library where that is quicker, and each process with its own rows. Only the time from
the first row read to the last row written counts, not the start of the processes. It gives the same rows as the kernel
in every cell, which bench.masking checks.

    python -m tests.benchmarks.plain_python FOLDER ROWS OUT     # FOLDER as tests.benchmarks.people writes it
"""

from __future__ import annotations

import functools
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fastfpe import ff1 as compiled

from sandbox_suite.datasets import policy
from sandbox_suite.datasets.keys import Ff1Key, Keys
from sandbox_suite.datasets.masks import ff1_scalar
from sandbox_suite.datasets.oracle import Oracle, needs

MASTER = bytes(range(32))


class Remembered(Keys):
    """Keys that are derived once."""

    @functools.cache  # noqa: B019 - one object for the whole life of the process
    def text(self, domain: str) -> str:
        """Return the HMAC key of a domain."""
        return super().text(domain)

    @functools.cache  # noqa: B019
    def ff1(self, domain: str) -> Ff1Key:
        """Return the FF1 key of a domain."""
        return super().ff1(domain)


@functools.cache
def _spelled(key: Ff1Key) -> tuple[str, str]:
    return key.aes.hex(), key.tweak.hex()


def quick(value: int, digits: int, key: Ff1Key) -> int:
    """Return the ciphertext of one number."""
    aes, tweak = _spelled(key)
    return int(compiled.encrypt(aes, tweak, "0123456789", f"{value:0{digits}d}"))


@dataclass(frozen=True)
class Columns:
    """What to do with each column: canonical rules, and the columns that they need beside the value."""

    rules: Mapping[str, Mapping[str, Any]]
    inputs: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, file: Path) -> Columns:
        rules = {name: rule.canonical() for name, rule in policy.load(file).rules("people").items()}
        return cls(rules, {name: needs(rule) for name, rule in rules.items()})

    def masked(self, row: Mapping[str, Any], oracle: Oracle) -> dict[str, Any]:
        """Return a masked row."""
        return {
            name: oracle.value(rule, row[name], {key: row[column] for key, column in self.inputs[name].items()})
            for name, rule in self.rules.items()
        }


def mask(folder: Path, first: int, rows: int, out: Path) -> float:
    """Mask some rows of the table and return the seconds from the first read to the last written."""
    ff1_scalar.number = quick
    columns, oracle = Columns.of(folder / "people.yaml"), Oracle(Remembered(MASTER))
    start = time.perf_counter()
    done = 0
    with pq.ParquetFile(folder / "people.parquet") as file, pq.ParquetWriter(out, file.schema_arrow) as writer:
        for batch in file.iter_batches(batch_size=5_000):
            skipped, done = min(max(first - done, 0), batch.num_rows), done + batch.num_rows
            part = batch.slice(skipped, batch.num_rows - skipped - max(0, done - first - rows))
            if part.num_rows:
                written = [columns.masked(row, oracle) for row in part.to_pylist()]
                writer.write_table(pa.Table.from_pylist(written, schema=file.schema_arrow))
            if done >= first + rows:
                break
    return time.perf_counter() - start


def main() -> None:
    """Mask on every core; print seconds (the slowest process) and rows."""
    folder, rows, out = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    count = len(os.sched_getaffinity(0))
    share = -(-rows // count)
    parts = [(folder, at * share, min(share, rows - at * share), out / f"{at}.parquet") for at in range(count)]
    with multiprocessing.get_context("spawn").Pool(count) as pool:
        seconds = pool.starmap(mask, parts, chunksize=1)
    sys.stdout.write(json.dumps({"seconds": max(seconds), "rows": rows}))


if __name__ == "__main__":
    main()
