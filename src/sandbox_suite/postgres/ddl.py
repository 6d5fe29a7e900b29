"""DDL of a dataset's tables, as text: columns and types, keys, foreign keys with their indexes."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox_suite.core.errors import RequestError

SCHEMA = "dataset"
# Type of a dataset's column, as Arrow spells it -> type in PostgreSQL. Decimals and time zones are read by their parts.
TYPES = {
    "int8": "smallint",
    "int16": "smallint",
    "int32": "integer",
    "int64": "bigint",
    "uint8": "smallint",
    "uint16": "integer",
    "uint32": "bigint",
    "float": "real",
    "double": "double precision",
    "bool": "boolean",
    "string": "text",
    "large_string": "text",
    "date32[day]": "date",
    "time64[us]": "time",
    "timestamp[us]": "timestamp",
    "binary": "bytea",
    "large_binary": "bytea",
}
DECIMAL = re.compile(r"decimal128\((\d{1,2}), ?(\d{1,2})\)")
ZONED = re.compile(r"timestamp\[us, tz=[^]]+\]")
LONGEST_NAME = 63  # bytes; PostgreSQL cuts longer names silently


def identifier(name: str) -> str:
    """Return `name` quoted; PostgreSQL would cut one of more than 63 bytes, so that is refused."""
    if not name or "\0" in name or len(name.encode()) > LONGEST_NAME:
        raise RequestError(f"{name!r} is no name that PostgreSQL keeps", remedy="use 1 to 63 bytes")
    return '"' + name.replace('"', '""') + '"'


def qualified(table: str) -> str:
    """Return the quoted name of a dataset's table."""
    return f"{identifier(SCHEMA)}.{identifier(table)}"


def postgres_type(kind: str) -> str:
    """Return the PostgreSQL type of a dataset's column type."""
    if match := DECIMAL.fullmatch(kind):
        return f"numeric({match[1]},{match[2]})"
    if ZONED.fullmatch(kind):
        return "timestamptz"
    try:
        return TYPES[kind]
    except KeyError:
        raise RequestError(f"columns of type `{kind}` cannot be loaded", remedy=f"use {', '.join(TYPES)}") from None


def create_tables(tables: Mapping[str, Any]) -> list[str]:
    """Return the statements that make the empty tables. Keys come after the data: see `create_keys`."""
    return [_create_table(name, table) for name, table in tables.items()]


def create_keys(tables: Mapping[str, Any]) -> list[str]:
    """Return the statements for primary keys, then foreign keys with the index that their reads and deletes need."""
    primary = [
        f"ALTER TABLE {qualified(name)} ADD PRIMARY KEY ({columns(table['primary_key'])})"
        for name, table in tables.items()
        if table["primary_key"]
    ]
    foreign = [
        statement
        for name, table in tables.items()
        for key in foreign_keys(table)
        for statement in _foreign_key(name, table, *key)
    ]
    return primary + foreign


def ordered(table: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return a table's columns in their order; canonical JSON sorts the keys of `columns`."""
    return [(name, table["columns"][name]) for name in table["order"]]


def columns(names: Sequence[str]) -> str:
    """Return a list of quoted names."""
    return ", ".join(map(identifier, names))


def foreign_keys(table: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return a table's foreign keys as (its column, other table, other table's column)."""
    return [(own, *reference.split(".", 1)) for own, reference in sorted(table["foreign_keys"].items())]


def _create_table(name: str, table: Mapping[str, Any]) -> str:
    lines = [
        f"{identifier(column)} {postgres_type(spec['type'])}{'' if spec['nullable'] else ' NOT NULL'}"
        for column, spec in ordered(table)
    ]
    return f"CREATE TABLE {qualified(name)} ({', '.join(lines)})"


def _foreign_key(name: str, table: Mapping[str, Any], own: str, other: str, theirs: str) -> list[str]:
    statements = [
        f"ALTER TABLE {qualified(name)} ADD FOREIGN KEY ({identifier(own)})"
        f" REFERENCES {qualified(other)} ({identifier(theirs)})"
    ]
    if own != table["primary_key"][0]:
        statements.append(f"CREATE INDEX ON {qualified(name)} ({identifier(own)})")
    return statements
