#!/usr/bin/python3
"""Module dataset_fixture: a table from a CSV file, loaded once for each content of the file."""

from __future__ import annotations

import csv
import hashlib
import io

from ansible.module_utils import sandbox_psql
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: dataset_fixture
short_description: Loads a CSV file into a table
description:
  - The table is emptied and filled in one transaction; its comment says from which content.
  - It is made of text columns, named as in the file's header; so is its schema, where it is missing.
options:
  database: {type: str, required: true, description: Name of the database.}
  schema: {type: str, required: true, description: Schema of the table.}
  table: {type: str, required: true, description: Name of the table.}
  file: {type: path, required: true, description: The CSV file, UTF-8, with a header.}
"""


def header(data: bytes) -> list[str]:
    """Return the names in the first line of a CSV."""
    names = next(csv.reader(io.StringIO(data.decode("utf-8-sig"))), [])
    if not names or len(set(names)) != len(names):
        raise ValueError("the file must begin with a header of different names")
    return names


def look(database: str, table: str) -> str:
    """Return the comment of a table; empty where there is none."""
    name = sandbox_psql.literal(table)
    return sandbox_psql.value(
        database, f"SELECT to_json(coalesce(obj_description(to_regclass({name}), 'pg_class'), ''))"
    )


def script(schema: str, table: str, names: list[str], comment: str) -> str:
    """Return the SQL that makes and fills the table; the rows follow it."""
    columns = [sandbox_psql.identifier(name) for name in names]
    return "\n".join(
        [
            f"CREATE SCHEMA IF NOT EXISTS {schema};",
            f"DROP TABLE IF EXISTS {table};",
            f"CREATE TABLE {table} ({', '.join(f'{column} text' for column in columns)});",
            f"COMMENT ON TABLE {table} IS {sandbox_psql.literal(comment)};",
            f"COPY {table} ({', '.join(columns)}) FROM STDIN WITH (FORMAT csv, HEADER true);",
        ]
    )


def main() -> None:
    """Do what the parameters say."""
    spec = {name: {"type": "str", "required": True} for name in ("database", "schema", "table")}
    module = AnsibleModule(argument_spec={**spec, "file": {"type": "path", "required": True}}, supports_check_mode=True)
    given = module.params
    try:
        schema = sandbox_psql.identifier(given["schema"])
        table = f"{schema}.{sandbox_psql.identifier(given['table'])}"
        with open(given["file"], "rb") as file:
            data = file.read()
        comment = f"fixture sha256:{hashlib.sha256(data).hexdigest()}"
        found = look(given["database"], table)
        if found != comment and not module.check_mode:
            sandbox_psql.run(given["database"], script(schema, table, header(data), comment), data)
    except (sandbox_psql.PsqlError, OSError, ValueError) as error:
        module.fail_json(msg=f"the fixture of {given['table']} was not loaded: {error}")
    module.exit_json(changed=found != comment, table=given["table"])


if __name__ == "__main__":
    main()
