"""What the catalog of a PostgreSQL database says of its tables, however it is reached: types, keys, comments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sandbox_suite.core.progress import Say
from sandbox_suite.datasets.sources import csv_files, plain
from sandbox_suite.datasets.sources.found import Found
from sandbox_suite.datasets.sources.mistakes import Mistakes
from sandbox_suite.datasets.sources.model import Column

if TYPE_CHECKING:
    from sandbox_suite.datasets.sources.origins import Wanted
    from sandbox_suite.datasets.sources.postgres import Database

# Spellings that the rows are read in; row security raises instead of leaving rows out.
SETTINGS = {
    "datestyle": "ISO, YMD",
    "timezone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "intervalstyle": "postgres",
    "row_security": "off",
    "synchronize_seqscans": "off",
    "statement_timeout": "0",
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "repeatable read",
}
# Ordinary and partitioned tables of people; partitions and what extensions own belong to others.
TABLES = """
SELECT coalesce(json_agg(json_build_object('schema', n.nspname, 'table', c.relname, 'oid', c.oid::bigint,
  'comment', coalesce(obj_description(c.oid, 'pg_class'), '')) ORDER BY n.nspname, c.relname), '[]')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname !~ '^pg_(toast|temp)'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"""
# A domain has the type it is made of; an enumeration is text.
COLUMNS = """
WITH RECURSIVE base AS (
  SELECT t.oid AS of, t.oid, t.typtype, t.typbasetype, t.typtypmod AS modifier FROM pg_type t
  UNION ALL SELECT b.of, t.oid, t.typtype, t.typbasetype, CASE WHEN b.modifier >= 0 THEN b.modifier ELSE t.typtypmod END
  FROM base b JOIN pg_type t ON t.oid = b.typbasetype WHERE b.typtype = 'd')
SELECT coalesce(json_agg(json_build_object('oid', a.attrelid::bigint, 'column', a.attname, 'nullable', NOT a.attnotnull,
  'type', CASE WHEN b.typtype = 'e' THEN 'text' ELSE
    format_type(b.oid, CASE WHEN a.atttypmod >= 0 THEN a.atttypmod ELSE b.modifier END) END,
  'comment', coalesce(col_description(a.attrelid, a.attnum), '')) ORDER BY a.attrelid, a.attnum), '[]')
FROM pg_attribute a JOIN base b ON b.of = a.atttypid AND b.typtype <> 'd'
WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid IN ({oids})"""
KEYS = """
SELECT coalesce(json_agg(json_build_object('oid', k.conrelid::bigint, 'kind', k.contype, 'aim', k.confrelid::bigint,
  'columns', (SELECT json_agg(a.attname ORDER BY u.place) FROM unnest(k.conkey) WITH ORDINALITY u(number, place)
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number),
  'theirs', (SELECT json_agg(a.attname ORDER BY u.place) FROM unnest(k.confkey) WITH ORDINALITY u(number, place)
    JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number)) ORDER BY k.conrelid, k.conname), '[]')
FROM pg_constraint k WHERE k.contype IN ('p', 'f') AND k.conparentid = 0 AND k.conrelid IN ({oids})"""
# Digits before and after the point of a column whose type names none.
DIGITS = """
SELECT json_build_array(coalesce(max(length(trunc(abs({column}))::text)), 1), coalesce(max(scale({column})), 0),
coalesce(bool_or({column} IN ('NaN', 'Infinity', '-Infinity')), false)) FROM {table}"""
TYPES = {
    "smallint": "int16",
    "integer": "int32",
    "bigint": "int64",
    "real": "float",
    "double precision": "double",
    "boolean": "bool",
    "text": "string",
    "date": "date32[day]",
    "bytea": "binary",
}
AS_TEXT = (
    "uuid",
    "json",
    "jsonb",
    "xml",
    "inet",
    "cidr",
    "macaddr",
    "macaddr8",
    "citext",
    "name",
    "interval",
    '"char"',
)
PATTERNS = (
    (re.compile(r"character( varying)?(\(\d+\))?"), "string"),
    (re.compile(r"time(\(\d\))? without time zone"), "time64[us]"),
    (re.compile(r"timestamp(\(\d\))? without time zone"), "timestamp[us]"),
    (re.compile(r"timestamp(\(\d\))? with time zone"), "timestamp[us, tz=UTC]"),
)
NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")
BLANK = "\\ "  # as libpq's options hold one
SHOWN = 12  # table names that a message lists


def found(database: Database, wanted: Wanted, say: Say) -> list[Found]:
    """Return the tables of the wanted schema; RequestError tells every table and column that cannot be kept."""
    tables = _chosen(database.query(TABLES), wanted, say)
    oids = ", ".join(str(table["oid"]) for table in tables)
    columns, keys = (_by_table(database.query(sql.format(oids=oids))) for sql in (COLUMNS, KEYS))
    names = {table["oid"]: table["table"] for table in tables}
    mistakes = Mistakes()
    made = []
    for table in tables:
        with mistakes.gathered():
            listed = columns.get(table["oid"], [])
            made.append(_table(database, table, listed, keys.get(table["oid"], []), names))
    mistakes.settle()
    return made


def copy(sql: str) -> str:
    """Return the COPY that writes a query's rows as CSV: values quoted, NULL not."""
    return f"COPY ({sql}) TO STDOUT (FORMAT csv, FORCE_QUOTE *, ENCODING 'UTF8')"


def options() -> str:
    """Return `SETTINGS` as libpq's connection options (PGOPTIONS) spell them."""
    return " ".join(f"-c {key}={value.replace(' ', BLANK)}" for key, value in SETTINGS.items())


def _chosen(tables: Sequence[Mapping[str, Any]], wanted: Wanted, say: Say) -> list[Mapping[str, Any]]:
    mistakes = Mistakes()
    schemas = sorted({table["schema"] for table in tables})
    schema = wanted.schema or ("public" if "public" in schemas else schemas[0] if len(schemas) == 1 else "")
    there = [table for table in tables if table["schema"] == schema]
    if not schemas:
        mistakes.add("the database has no table that this role can see", "name another database")
    elif not there:
        said = f"there are no tables in schema `{schema}`" if schema else "there are tables in several schemas"
        mistakes.add(f"{said}: {', '.join(schemas)}", "choose one with `--schema NAME`")
    elif schemas != [schema]:
        say(f"schema {schema}; passed over: {', '.join(set(schemas) - {schema})}")
    for name in sorted(set(wanted.tables) - {table["table"] for table in there} if there else ()):
        listed = ", ".join(table["table"] for table in there[:SHOWN])
        mistakes.add(f"there is no table `{name}` in schema `{schema}`; there are {listed}", "correct `--tables`")
    mistakes.settle()
    return [table for table in there if not wanted.tables or table["table"] in wanted.tables]


def _table(
    database: Database,
    table: Mapping[str, Any],
    listed: Sequence[Mapping[str, Any]],
    keys: Sequence[Mapping[str, Any]],
    names: Mapping[int, str],
) -> Found:
    name, place = table["table"], f"table {table['schema']}.{table['table']}"
    mistakes = Mistakes()
    where = f"{_quoted(table['schema'])}.{_quoted(name)}"
    columns, notes = {}, []
    for item in listed:
        kind = _kind(database, where, item)
        if kind is None:
            said = f"{place}: column `{item['column']}` is {item['type']}, which cannot be kept"
            mistakes.add(said, "import a database in which such columns are left out or text")
            continue
        if item["type"] in AS_TEXT:
            notes.append(f"{place}: `{item['column']}` ({item['type']}) is kept as text")
        columns[item["column"]] = Column(kind, item["nullable"], item["comment"])
    if not listed:
        mistakes.add(f"{place}: has no column", "leave it out: name the others with `--tables`")
    mistakes.settle()
    primary = next((tuple(key["columns"]) for key in keys if key["kind"] == "p"), ())
    foreign, dropped = _foreign(keys, names, place)
    query = _query(where, columns, primary)
    return Found(
        name,
        place,
        columns,
        lambda: _rows(database, query, place, columns),
        primary,
        foreign,
        table["comment"],
        declared=bool(primary),
        notes=(*notes, *dropped),
    )


def _kind(database: Database, table: str, item: Mapping[str, Any]) -> str | None:
    """Return a column's type; None where it has none here."""
    kind = item["type"]
    if kind in TYPES:
        return TYPES[kind]
    if kind in AS_TEXT:
        return "string"
    if match := NUMERIC.fullmatch(kind):
        return _decimal(int(match[1]), int(match[2]))
    if kind == "numeric":
        column = _quoted(item["column"])
        whole, scale, endless = database.query(DIGITS.format(column=column, table=table))
        return None if endless else _decimal(whole + scale, scale)
    return next((name for pattern, name in PATTERNS if pattern.fullmatch(kind)), None)


def _decimal(precision: int, scale: int) -> str | None:
    return f"decimal128({precision}, {scale})" if scale <= precision <= plain.LARGEST_DECIMAL else None


def _foreign(
    keys: Sequence[Mapping[str, Any]], names: Mapping[int, str], place: str
) -> tuple[dict[str, str], list[str]]:
    """Return {column: `table.column`}, and notes on keys of several columns or to tables that are not imported."""
    foreign, notes = {}, []
    for key in keys:
        if key["kind"] != "f":
            continue
        own = ", ".join(key["columns"])
        if len(key["columns"]) > 1:
            notes.append(f"{place}: the foreign key of several columns ({own}) is not kept")
        elif key["aim"] not in names:
            notes.append(f"{place}: the foreign key of `{own}` is not kept: its table is not imported")
        else:
            foreign[own] = f"{names[key['aim']]}.{key['theirs'][0]}"
    return foreign, notes


def _query(table: str, columns: Mapping[str, Column], primary: Sequence[str]) -> str:
    order = f" ORDER BY {', '.join(map(_quoted, primary))}" if primary else ""
    return f"SELECT {', '.join(map(_quoted, columns))} FROM {table}{order}"  # noqa: S608 - quoted


def _rows(database: Database, query: str, place: str, columns: Mapping[str, Column]) -> Iterator[Any]:
    text = csv_files.Text(place, lambda: database.copy(query), list(columns), header=False)
    yield from csv_files.rows(text, columns)


def _by_table(rows: Sequence[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    tables: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        tables.setdefault(row["oid"], []).append(row)
    return tables


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
