"""SQLite databases, opened read-only. A column's type follows from what is declared and what all of its rows hold."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox_suite.core.errors import RequestError
from sandbox_suite.datasets.sources import plain
from sandbox_suite.datasets.sources.found import Found
from sandbox_suite.datasets.sources.mistakes import Mistakes
from sandbox_suite.datasets.sources.model import Column

if TYPE_CHECKING:
    import pyarrow as pa

MAGIC = b"SQLite format 3\0"
SLICE = 10_000  # rows
TABLES = """SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
ORDER BY name"""
CLASSES = ("integer", "real", "text", "blob")


def found(path: Path, wanted: Sequence[str], stack: contextlib.ExitStack) -> list[Found]:
    """Return the tables of a database, or those of `wanted`; `stack` closes it. RequestError tells every mistake."""
    connection = stack.enter_context(contextlib.closing(_open(path)))
    mistakes = Mistakes()
    tables = []
    with _explained(path):
        names = {name: sql for name, sql in connection.execute(TABLES) if not wanted or name in wanted}
        for name in sorted(set(wanted) - names.keys()):
            mistakes.add(f"{path.name}: has no table `{name}`", "correct `--tables`")
        for name, sql in names.items():
            if re.match(r"(?i)\s*create\s+virtual", sql):
                mistakes.add(f"{path.name}: table `{name}` is virtual", "leave it out: name the others with `--tables`")
                continue
            with mistakes.gathered():
                tables.append(_table(connection, path, name))
    mistakes.settle()
    return tables


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    connection.text_factory = lambda value: value.decode("utf-8", "surrogateescape")  # told later, with its column
    with _explained(path):
        for pragma in ("query_only = ON", "trusted_schema = OFF"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN")  # one state of all tables
    return connection


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise RequestError(f"{path.name}: cannot be read: {error}", remedy="give a whole SQLite database") from error


def _table(connection: sqlite3.Connection, path: Path, name: str) -> Found:
    place = f"table {name} of {path.name}"
    described = connection.execute(f"PRAGMA table_xinfo({_quoted(name)})").fetchall()
    listed = [(row[1], row[2].upper(), bool(row[3]), row[5]) for row in described if row[6] != 1]  # not hidden ones
    kinds = _kinds(connection, name, [(column, declared) for column, declared, _, _ in listed], place)
    columns = {column: Column(kinds[column], not (strict or key)) for column, _, strict, key in listed}
    primary = [column for column, _, _, key in sorted(listed, key=lambda item: item[3]) if key]
    foreign, notes = _foreign_keys(connection, name, place)
    order = ", ".join(map(_quoted, primary)) or "rowid"
    query = f"SELECT {', '.join(map(_quoted, columns))} FROM {_quoted(name)} ORDER BY {order}"  # noqa: S608 - quoted
    return Found(
        name,
        place,
        columns,
        lambda: _rows(connection, query, columns, path, place),
        tuple(primary),
        foreign,
        declared=bool(primary),
        notes=notes,
    )


def _kinds(connection: sqlite3.Connection, name: str, columns: Sequence[tuple[str, str]], place: str) -> dict[str, str]:
    """Return {column: type}; RequestError for each column that holds values of several kinds."""
    counts = ", ".join(
        f"coalesce(sum(typeof({_quoted(column)}) = '{kind}'), 0)" for column, _ in columns for kind in CLASSES
    )
    row = connection.execute(f"SELECT {counts} FROM {_quoted(name)}").fetchone()  # noqa: S608 - quoted
    mistakes = Mistakes()
    kinds = {}
    for number, (column, declared) in enumerate(columns):
        held = {kind for kind, count in zip(CLASSES, row[number * 4 : number * 4 + 4], strict=True) if count}
        if len(held) > 1 and held != {"integer", "real"}:
            said = f"{place}: column `{column}` holds {' and '.join(sorted(held))} values"
            mistakes.add(said, "let each column hold values of one type")
        kinds[column] = _kind(connection, name, column, declared, held)
    mistakes.settle()
    return kinds


def _kind(connection: sqlite3.Connection, name: str, column: str, declared: str, held: set[str]) -> str:
    """Return a column's type from its declaration and the kinds of its values."""
    if held == {"text"} or (not held and not re.search("INT|BOOL|REAL|FLOA|DOUB|NUM|DEC|BLOB", declared)):
        times = {"DATE": "date32[day]", "DATETIME": "timestamp[us]", "TIMESTAMP": "timestamp[us]"}
        wanted = times.get(declared)
        return wanted if wanted and (not held or _all_are(connection, name, column, wanted)) else "string"
    if held == {"blob"} or (not held and "BLOB" in declared):
        return "binary"
    if "BOOL" in declared and held <= {"integer"} and _only_bits(connection, name, column):
        return "bool"
    if "real" in held or re.search("REAL|FLOA|DOUB|NUM|DEC", declared):
        return "double"
    return "int64"


def _all_are(connection: sqlite3.Connection, name: str, column: str, kind: str) -> bool:
    import polars as pl

    from sandbox_suite.datasets.sources.texts import Guess

    guess = Guess(["text"], [kind])
    cursor = connection.execute(f"SELECT {_quoted(column)} FROM {_quoted(name)}")  # noqa: S608 - quoted
    while rows := cursor.fetchmany(SLICE):
        texts = [row[0].encode("utf-8", "replace").decode() if row[0] is not None else None for row in rows]
        guess.look(pl.DataFrame({"text": pl.Series(texts, dtype=pl.String)}))
    return guess.types()["text"] == kind


def _only_bits(connection: sqlite3.Connection, name: str, column: str) -> bool:
    query = f"SELECT count(*) FROM {_quoted(name)} WHERE {_quoted(column)} NOT IN (0, 1)"  # noqa: S608 - quoted
    return bool(connection.execute(query).fetchone()[0] == 0)


def _foreign_keys(connection: sqlite3.Connection, name: str, place: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return {column: `table.column`} of keys of one column, and notes on the others."""
    found: dict[int, list[Any]] = {}
    for row in connection.execute(f"PRAGMA foreign_key_list({_quoted(name)})"):
        found.setdefault(row[0], []).append(row)
    keys, notes = {}, []
    for parts in found.values():
        if len(parts) > 1:
            notes.append(f"{place}: a foreign key of {len(parts)} columns to `{parts[0][2]}` is not kept")
            continue
        _, _, other, own, theirs, *_ = parts[0]
        keys[own] = f"{other}.{theirs or _key(connection, other)}"
    return keys, tuple(notes)


def _key(connection: sqlite3.Connection, table: str) -> str:
    rows = connection.execute(f"PRAGMA table_info({_quoted(table)})").fetchall()
    return next((row[1] for row in rows if row[5]), "")


def _rows(
    connection: sqlite3.Connection, query: str, columns: Mapping[str, Column], path: Path, place: str
) -> Iterator[pa.Table]:
    schema, first, given = plain.schema(columns), 1, False
    with _explained(path):
        cursor = connection.execute(query)
        while rows := cursor.fetchmany(SLICE):
            yield _batch(rows, schema, place, first)
            first, given = first + len(rows), True
    if not given:
        yield schema.empty_table()


def _batch(rows: Sequence[Any], schema: pa.Schema, place: str, first: int) -> pa.Table:
    """Return rows as Arrow; RequestError names the columns and rows that have no place in their type."""
    import pyarrow as pa

    from sandbox_suite.datasets.sources import texts

    made, told = [], []
    for item, values in zip(schema, zip(*rows, strict=True), strict=True):
        try:
            array = pa.array(_truths(values) if pa.types.is_boolean(item.type) else values, _stored(item.type))
        except UnicodeEncodeError:
            row = next(at for at, value in enumerate(values) if value is not None and not _unicode(value))
            told.append(f"column `{item.name}`, row {first + row}: is not UTF-8")
            continue
        if _timely(item.type):
            import polars as pl

            series, _ = texts.typed(pl.Series(item.name, array), str(item.type))
            array = series.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(item.type)
        made.append(array)
    if told:
        raise RequestError("\n".join(f"{place}: {line}" for line in told), remedy="write texts as UTF-8")
    return pa.Table.from_arrays(made, schema=schema)


def _stored(kind: pa.DataType) -> pa.DataType:
    """Return the type that values have in the database."""
    import pyarrow as pa

    return pa.string() if _timely(kind) else kind


def _truths(values: Sequence[Any]) -> list[bool | None]:
    return [None if value is None else bool(value) for value in values]


def _timely(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def _unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
