"""Batches of rows in the few types that a dataset has, in slices of bounded size, without what cannot be loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from sandbox_suite.core.errors import RequestError
from sandbox_suite.datasets.sources.model import ROW_GROUP, Column

if TYPE_CHECKING:
    import pyarrow as pa

LARGEST_CELL = 4 << 20  # bytes; what is larger is a document, not a value that can be masked and proved
LARGEST_BATCH = 128 << 20  # bytes: rows of documents come in smaller batches than 125,000
LARGEST_DECIMAL = 38  # digits
CUT_CELL = f"leave the column out, or cut its cells to {LARGEST_CELL >> 20} MiB"


def spelled(kind: pa.DataType) -> pa.DataType | None:
    """Return the type a column of `kind` is kept as: text is `string`, times are in microseconds; None: cannot be."""
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind):
        return spelled(kind.value_type)
    if isinstance(kind, pa.JsonType):
        return pa.string()
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind) or types.is_null(kind):
        return pa.string()
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind):
        return pa.binary()
    if types.is_fixed_size_binary(kind):
        return pa.binary()
    if types.is_timestamp(kind):
        return pa.timestamp("us", tz=kind.tz)
    if types.is_decimal(kind):
        fits = kind.precision <= LARGEST_DECIMAL and 0 <= kind.scale <= kind.precision
        return pa.decimal128(kind.precision, kind.scale) if fits else None
    same = {pa.uint64(): pa.int64(), pa.float16(): pa.float32(), pa.date64(): pa.date32()}
    if kind in same:
        return same[kind]
    if types.is_time(kind):
        return pa.time64("us")
    known = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_date(kind)
    return kind if known else None


def named(kind: str) -> pa.DataType:
    """Return the Arrow type that a column's `type` spells."""
    import re

    import pyarrow as pa

    if match := re.fullmatch(r"decimal128\((\d+), ?(\d+)\)", kind):
        return pa.decimal128(int(match[1]), int(match[2]))
    if match := re.fullmatch(r"timestamp\[us, tz=([^]]+)\]", kind):
        return pa.timestamp("us", tz=match[1])
    bare = {"date32[day]": pa.date32(), "time64[us]": pa.time64("us"), "timestamp[us]": pa.timestamp("us")}
    return bare[kind] if kind in bare else pa.type_for_alias(kind)


def schema(columns: Mapping[str, Column]) -> pa.Schema:
    """Return the Arrow schema of a table's columns."""
    import pyarrow as pa

    return pa.schema([pa.field(name, named(item.type), item.nullable) for name, item in columns.items()])


def empty(columns: Mapping[str, Column]) -> pa.Table:
    """Return no rows of a table."""
    return schema(columns).empty_table()


def regroup(batches: Iterable[pa.Table], rows: int = ROW_GROUP, largest: int = LARGEST_BATCH) -> Iterator[pa.Table]:
    """Yield the same rows in slices of `rows` rows, fewer where they would hold more than `largest` bytes."""
    import pyarrow as pa

    held: list[pa.Table] = []
    count = size = 0
    given = False
    for batch in batches:
        start = 0
        while start < batch.num_rows or (batch.num_rows == 0 and not held):
            part = batch.slice(start, rows - count)
            start += max(part.num_rows, 1)
            held, count, size = [*held, part], count + part.num_rows, size + part.nbytes
            if count >= rows or size >= largest:
                yield pa.concat_tables(held).combine_chunks()
                held, count, size, given = [], 0, 0, True
    if held and (count or not given):
        yield pa.concat_tables(held).combine_chunks()


def proper(batches: Iterable[pa.Table], place: str) -> Iterator[pa.Table]:
    """Yield the same batches; RequestError at a NUL character or a cell that is too large, by column and row."""
    first = 1
    for batch in batches:
        told = [line for name in batch.column_names for line in _improper(batch[name], name, first)]
        if told:
            raise RequestError("\n".join(f"{place}: {line}" for line in told), remedy=_remedy(told))
        first += batch.num_rows
        yield batch


def _improper(values: pa.ChunkedArray, name: str, first: int) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.compute as pc

    text, binary = pa.types.is_string(values.type), pa.types.is_binary(values.type)
    if not (text or binary):
        return
    longest = pc.max(pc.binary_length(values)).as_py() or 0
    if longest > LARGEST_CELL:
        row = pc.index(pc.greater(pc.binary_length(values), LARGEST_CELL), True).as_py()
        size = f"{longest / (1 << 20):.1f} MiB; {LARGEST_CELL >> 20} are kept"
        yield f"column `{name}`, row {first + row}: a cell of {size}"
    elif text:
        row = pc.index(pc.match_substring(values, "\0"), True).as_py()
        if row >= 0:
            yield f"column `{name}`, row {first + row}: holds a NUL character, which PostgreSQL refuses"


def _remedy(told: list[str]) -> str:
    cut = CUT_CELL if any("a cell of" in line for line in told) else ""
    return "; ".join(filter(None, [cut, "remove NUL characters" if any("NUL" in line for line in told) else ""]))
