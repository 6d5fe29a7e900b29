"""CSV files, read in two passes: which type every value of a column has, then the typed rows. Memory stays bounded.

An empty cell is NULL, a quoted empty one is an empty text, as PostgreSQL's COPY writes them. Commas; semicolons, tabs
or bars where the line of names holds no comma. Lines may end within quotes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from sandbox_suite.core.errors import RequestError
from sandbox_suite.datasets.sources import csv_bytes, plain
from sandbox_suite.datasets.sources.found import Found
from sandbox_suite.datasets.sources.mistakes import Mistakes
from sandbox_suite.datasets.sources.model import Column

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

# Bytes that are parsed at a time. A row that spans three blocks stops the parser: then the larger ones are used.
BLOCKS = (2 << 20, 2 * plain.LARGEST_CELL)
SHOWN = 3  # ragged rows that a message names
LONGEST_HEADER = 1 << 20
DELIMITERS = ",;\t|"
TYPES = {  # as a data set's YAML and `--type` spell them
    "int64": "int64",
    "float64": "double",
    "text": "string",
    "bool": "bool",
    "date": "date32[day]",
    "timestamp": "timestamp[us]",
}


@dataclass(frozen=True)
class Text:
    """A stream of CSV text: how to open it, and what it is called in messages."""

    place: str
    opened: Callable[[], AbstractContextManager[BinaryIO]]
    names: Sequence[str]
    header: bool = True
    delimiter: str = ","
    encoding: str = "utf-8"


def found(path: Path, table: str, asked: Mapping[str, str], guesses: Sequence[str], encoding: str = "") -> Found:
    """Return the table in a CSV file. `asked` are types (Arrow's spelling) that are not guessed; RequestError tells
    the line of what cannot be read."""
    from sandbox_suite.datasets.sources import texts

    encoding = csv_bytes.encoding(path, encoding)
    csv_bytes.examine(path, path.name, encoding)
    names, delimiter = _header(path, encoding)
    text = Text(path.name, lambda: csv_bytes.opened(path), names, delimiter=delimiter, encoding=encoding)
    guess = texts.Guess([name for name in names if name not in asked], guesses)
    for batch in _texts(text):
        guess.look(batch)
    kinds = {**guess.types(), **{name: kind for name, kind in asked.items() if name in names}}
    columns = {name: Column(kinds[name], True) for name in names}
    return Found(table, path.name, columns, lambda: rows(text, columns))


def rows(text: Text, columns: Mapping[str, Column]) -> Iterator[pa.Table]:
    """Yield the typed rows; RequestError names column and row of what has another type, never the value."""
    import polars as pl

    from sandbox_suite.datasets.sources import texts

    kinds, schema, first = {name: item.type for name, item in columns.items()}, plain.schema(columns), 1
    given = False
    for batch in _texts(text):
        frame, wrong = texts.frame(batch, kinds, first)
        if wrong:
            raise RequestError(
                "\n".join(f"{text.place}: {line}" for line in wrong), remedy="correct the values, or the column's type"
            )
        first, given = first + batch.height, True
        yield frame.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(schema)
    if not given:
        yield schema.empty_table()


def _header(path: Path, encoding: str) -> tuple[list[str], str]:
    """Return the column names and the delimiter."""
    with csv_bytes.opened(path) as file:
        line = file.read(LONGEST_HEADER).decode(encoding, errors="ignore").removeprefix("\ufeff")
    first = line.partition("\n")[0]
    delimiter = next((mark for mark in DELIMITERS if mark in first), ",")
    try:
        names = next(csv.reader(io.StringIO(line), delimiter=delimiter), [])
    except csv.Error as error:
        raise RequestError(f"{path.name}: the line of column names cannot be read: {error}") from error
    mistakes = Mistakes()
    if not names:
        mistakes.add(f"{path.name}: has no line of column names", "let the first line name the columns")
    if "" in names:
        mistakes.add(f"{path.name}: column {names.index('') + 1} has no name", "name every column")
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        mistakes.add(f"{path.name}: column `{name}` stands twice", "give every column a name of its own")
    mistakes.settle()
    return names, delimiter


def _texts(text: Text) -> Iterator[pl.DataFrame]:
    """Yield the rows as text; RequestError counts the rows that have more or fewer cells than there are columns."""
    import polars as pl
    import pyarrow as pa

    ragged: list[str] = []
    read = 0
    for block in BLOCKS:
        ragged.clear()
        try:
            with text.opened() as file:
                for batch in _after(read, _parsed(file, text, ragged, block)):
                    frame = pl.from_arrow(pa.Table.from_batches([batch]))
                    if isinstance(frame, pl.DataFrame) and not ragged:
                        yield frame
                    read += batch.num_rows
            break
        except pa.ArrowException as error:
            if not text.header and "Empty CSV" in str(error):
                break  # a query without rows gives not even a line of names
            if block == BLOCKS[-1] or "straddling" not in str(error):
                raise _broken(text, error, read) from error
    if ragged:
        more = f" and {len(ragged) - SHOWN} more" if len(ragged) > SHOWN else ""
        raise RequestError(
            f"{text.place}: {'; '.join(ragged[:SHOWN])}{more}; there are {len(text.names)} columns",
            remedy="give every row as many cells as there are columns; quote cells that hold the delimiter",
        )


def _after(rows: int, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the batches without the first `rows` rows."""
    for batch in batches:
        if batch.num_rows > rows:
            yield batch.slice(rows)
        rows = max(rows - batch.num_rows, 0)


def _parsed(file: BinaryIO, text: Text, ragged: list[str], block: int) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    from pyarrow import csv as arrow

    def unlike(row: Any) -> str:
        place = f"row {row.number}" if row.number is not None else "a row"
        ragged.append(f"{place} has {row.actual_columns} cells")
        return "skip"

    reading = arrow.ReadOptions(
        use_threads=False,
        block_size=block,
        column_names=None if text.header else list(text.names),
        encoding=text.encoding.removesuffix("-sig"),
    )
    parsing = arrow.ParseOptions(
        delimiter=text.delimiter,
        newlines_in_values=True,
        ignore_empty_lines=len(text.names) > 1,
        invalid_row_handler=unlike,
    )
    converting = arrow.ConvertOptions(
        column_types=dict.fromkeys(text.names, pa.string()),
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
    )
    with arrow.open_csv(file, reading, parsing, converting) as reader:
        yield from reader


def _broken(text: Text, error: Exception, read: int) -> RequestError:
    """Say what stopped the parser without the cell that it quotes."""
    if "straddling" in str(error):
        said = f"a row after row {read} holds more than {BLOCKS[-1] >> 20} MiB, or a quote is not closed"
        return RequestError(f"{text.place}: {said}", remedy=f"close the quote; {plain.CUT_CELL}")
    if "Empty CSV" in str(error):
        return RequestError(f"{text.place}: is empty")
    return RequestError(f"{text.place}: cannot be read after row {read}: it is no CSV", remedy="give a whole CSV file")
