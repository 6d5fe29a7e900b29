"""One table masked slice by slice, several at once, and written in the order of its rows: memory stays bounded.

Slices are masked by threads: polars, numpy and the ciphers work without Python's lock for three quarters of the time,
nothing is copied between processes, and who is killed leaves no worker behind.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from sandbox_suite.core.files import file_digest
from sandbox_suite.datasets.masking_batch import TablePlan

if TYPE_CHECKING:
    from sandbox_suite.datasets.policy import Rule

SLICE = 62_500  # rows that one thread holds
MOST = 4  # threads; each more needs memory for a slice
Masked = tuple[pa.Table, dict[str, pl.DataFrame]]  # a masked slice, and the spans of each free text
Mask = Callable[[pa.Table, TablePlan], Masked]
FEW_VALUES = ("keep", "constant", "null")  # rules whose columns are worth a dictionary


def workers() -> int:
    """Return how many slices are masked at once: one for each core that this process may use."""
    return min(MOST, len(os.sched_getaffinity(0)))


def write(batches: Iterator[pa.Table], plan: TablePlan, mask: Mask, out: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write `tables/<table>.parquet` and its logs of spans; return (rows and digest, {table.column: of its log})."""
    name, rows = plan.table.name, 0
    texts = [column for column, rule in plan.rules.items() if rule.kind == "free_text"]
    file = out / "tables" / f"{name}.parquet"
    logs = {column: _Log(out / "spans" / f"{name}.{column}.parquet") for column in texts}
    with contextlib.ExitStack() as stack:
        writer: pq.ParquetWriter | None = None
        for log in logs.values():
            stack.callback(log.close)
        for masked, found in _in_order(batches, plan, mask):
            writer = writer or stack.enter_context(_writer(file, masked.schema, plan.rules))
            writer.write_table(masked)
            rows += masked.num_rows
            for column, spans in found.items():
                logs[column].add(spans)
    return {"rows": rows, "file_digest": file_digest(file)}, {
        f"{name}.{column}": {"rows": log.rows, "file_digest": file_digest(log.file)} for column, log in logs.items()
    }


def _writer(file: Path, schema: pa.Schema, rules: Mapping[str, Rule]) -> pq.ParquetWriter:
    few = [name for name in schema.names if rules[name].kind in FEW_VALUES]
    return pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=few or False)


class _Log:
    """The spans of one column of free text, written as they come."""

    def __init__(self, file: Path) -> None:
        self.file, self.rows = file, 0
        self._writer: pq.ParquetWriter | None = None

    def add(self, spans: pl.DataFrame) -> None:
        table = spans.to_arrow(compat_level=pl.CompatLevel.oldest())
        self._writer = self._writer or pq.ParquetWriter(
            self.file, table.schema, compression="zstd", use_dictionary=["kind"]
        )
        self._writer.write_table(table)
        self.rows += len(spans)

    def close(self) -> None:
        if self._writer:
            self._writer.close()


def _in_order(batches: Iterator[pa.Table], plan: TablePlan, mask: Mask) -> Iterator[Masked]:
    """Yield masked slices in the order of their rows; as many are masked at once as there are workers."""
    count, waiting = workers(), deque[Future[Masked]]()
    pool = ThreadPoolExecutor(count, thread_name_prefix="mask")
    try:
        for part, first in _slices(batches):
            waiting.append(pool.submit(mask, part, replace(plan, first=first)))
            del part
            if len(waiting) > count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _slices(batches: Iterator[pa.Table]) -> Iterator[tuple[pa.Table, int]]:
    """Yield slices of the batches, each with the number of rows before it; an empty batch is a slice."""
    first = 0
    for batch in batches:
        for start in range(0, max(batch.num_rows, 1), SLICE):
            yield batch.slice(start, SLICE), first + start
        first += batch.num_rows
