"""Parquet files, read row group by row group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox_suite.core.errors import RequestError
from sandbox_suite.datasets.sources import plain
from sandbox_suite.datasets.sources.found import Found
from sandbox_suite.datasets.sources.mistakes import Mistakes
from sandbox_suite.datasets.sources.model import Column

if TYPE_CHECKING:
    import pyarrow as pa

SLICE = 8192  # rows; a file's row group may be the whole table, and a repeated cell is tiny until it is unpacked
REPEATED = 8  # bytes a value: texts that take less are held once and repeated
COMMENTS = (b"comment", b"description")  # keys of a field's metadata that hold a comment


def found(path: Path, table: str) -> Found:
    """Return the table in a Parquet file; RequestError where it is broken or a column has no type here."""
    schema = _schema(path)
    mistakes = Mistakes()
    for name in sorted({name for name in schema.names if schema.names.count(name) > 1}):
        mistakes.add(f"{path.name}: column `{name}` stands twice", "give every column a name of its own")
    for item in schema:
        if plain.spelled(item.type) is None:
            mistakes.add(
                f"{path.name}: column `{item.name}` is {item.type}, which cannot be kept",
                "leave nested columns out, or write them as JSON text",
            )
    mistakes.settle()
    columns = {
        item.name: Column(str(plain.spelled(item.type)), item.nullable, _comment(item.metadata)) for item in schema
    }
    return Found(table, path.name, columns, lambda: rows(path, columns))


def rows(path: Path, columns: Mapping[str, Column]) -> Iterator[pa.Table]:
    """Yield the rows as `columns` says; RequestError where the file breaks off or a value has no place in its type."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, given, read = plain.schema(columns), False, 0
    try:
        options = {"pre_buffer": False, "buffer_size": 1 << 20, "read_dictionary": _repeated(path, schema)}
        with pq.ParquetFile(path, **options) as file:
            for batch in file.iter_batches(batch_size=SLICE):
                for part in _bounded(pa.Table.from_batches([batch])):
                    yield _cast(part, schema, path.name, read)
                    given, read = True, read + part.num_rows
    except (OSError, pa.ArrowException) as error:
        raise _broken(path, error) from error
    if not given:
        yield schema.empty_table()


def _repeated(path: Path, schema: pa.Schema) -> list[str]:
    """Return the columns of text whose values a file holds once, however often they come: they are unpacked later.

    Reading other columns in this way would hold all of their values at once.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = {item.name for item in schema if pa.types.is_string(item.type) or pa.types.is_binary(item.type)}
    stored: dict[str, list[int]] = {}
    for group in range((metadata := pq.read_metadata(path)).num_row_groups):
        for number in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(number)
            sizes = stored.setdefault(chunk.path_in_schema, [0, 0])
            sizes[0], sizes[1] = sizes[0] + chunk.total_uncompressed_size, sizes[1] + chunk.num_values
    return sorted(name for name in texts & stored.keys() if stored[name][0] < REPEATED * stored[name][1])


def _bounded(batch: pa.Table) -> Iterator[pa.Table]:
    """Yield a batch in parts that stay bounded when texts, which a file holds once, are repeated in every row."""
    if batch.num_rows < 2 or _unpacked(batch) <= plain.LARGEST_BATCH:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _bounded(batch.slice(0, half))
    yield from _bounded(batch.slice(half))


def _unpacked(batch: pa.Table) -> int:
    """Return how many bytes the texts of a batch take when each row holds its own."""
    import pyarrow as pa
    import pyarrow.compute as pc

    total = 0
    for column in batch.columns:
        for chunk in column.chunks if pa.types.is_dictionary(column.type) else ():
            if pa.types.is_string(chunk.type.value_type) or pa.types.is_binary(chunk.type.value_type):
                total += pc.sum(pc.binary_length(chunk.dictionary).take(chunk.indices)).as_py() or 0
    return total


def _schema(path: Path) -> pa.Schema:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            schema: pa.Schema = file.schema_arrow
            return schema
    except (OSError, pa.ArrowException) as error:
        raise _broken(path, error) from error


def _cast(batch: pa.Table, schema: pa.Schema, place: str, read: int) -> pa.Table:
    """Cast column by column, so that a value without a place is told by its column."""
    import pyarrow as pa

    made, told = [], []
    for item in schema:
        try:
            made.append(_storage(batch[item.name]).cast(item.type))
        except pa.ArrowException:
            told.append(f"{place}: column `{item.name}`, within {batch.num_rows} rows after {read}: not {item.type}")
        if batch[item.name].null_count and not item.nullable:
            told.append(f"{place}: column `{item.name}` says that it holds no NULL, and holds one")
    if told:
        raise RequestError("\n".join(told), remedy="write the column in a type that holds its values")
    return pa.Table.from_arrays(made, schema=schema)


def _storage(values: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    if isinstance(values.type, pa.JsonType):
        return pa.chunked_array([chunk.storage for chunk in values.chunks], type=values.type.storage_type)
    return values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values


def _comment(metadata: Mapping[bytes, bytes] | None) -> str:
    return next((metadata[key].decode(errors="replace") for key in COMMENTS if metadata and key in metadata), "")


def _broken(path: Path, error: Exception) -> RequestError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0][:200]
    return RequestError(f"{path.name}: cannot be read: {reason}", remedy="give a whole Parquet file")
