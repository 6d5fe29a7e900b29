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
from sandbox_suite.core.progress import Say
from sandbox_suite.datasets.masking_batch import TablePlan

if TYPE_CHECKING:
    from sandbox_suite.datasets.policy import Rule

SLICE = 62_500  # rows that one thread holds; not by the machine, since row groups show it
MOST = 4  # threads; each more needs memory for a slice
TOLD = 1_000_000  # rows between two lines of progress
Masked = tuple[pa.Table, dict[str, pl.DataFrame]]  # a masked slice, and the spans of each free text
Mask = Callable[[pa.Table, TablePlan], Masked]
FEW_VALUES = ("keep", "constant", "null")  # rules whose columns are worth a dictionary


def workers() -> int:
    """Return how many slices are masked at once: one for each core that this process may use."""
    return min(MOST, len(os.sched_getaffinity(0)))


def write(
    batches: Iterator[pa.Table], plan: TablePlan, mask: Mask, out: Path, say: Say
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write `tables/<table>.parquet` and its logs of spans; return (rows and digest, {table.column: of its log}).

    A batch is what one thread holds. However many there are at once, the same batches give the same files.
    """
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
            rows, before = rows + masked.num_rows, rows
            if rows // TOLD > before // TOLD:
                say(f"masking {name}: {rows} rows so far")
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
    """Yield masked batches in the order of their rows; as many are held as there are workers.

    While one is read or written here, the others are at work: this thread takes the place of a worker.
    """
    count, waiting, first = workers(), deque[Future[Masked]](), 0
    pool = ThreadPoolExecutor(count, thread_name_prefix="mask")
    try:
        for batch in batches:
            waiting.append(pool.submit(mask, batch, replace(plan, first=first)))
            first += batch.num_rows
            del batch
            if len(waiting) >= count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
