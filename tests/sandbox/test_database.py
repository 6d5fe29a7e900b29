"""The database: the plugin's role is confined to its schema, and the dataset is what was attested."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from sandbox_suite.core.files import read_json

Sql = Callable[[str], str]
Attempt = Callable[..., dict[str, str]]
LOADED = "WHERE relnamespace IN (to_regnamespace('dataset'), to_regnamespace('fixture')) AND relkind IN ('r', 'p')"
REFUSED = "42501"  # insufficient_privilege


def literal(text: str) -> str:
    """Return an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(text: str) -> str:
    """Return a quoted SQL name."""
    return '"' + text.replace('"', '""') + '"'


def loaded(sandbox: Any) -> dict[str, Any]:
    """Return what `load` found: table -> its digest, and who wrote its rows."""
    return dict(read_json(sandbox.folder / "steps" / "load.json")["made"])


def counted(table: str, writers: list[str]) -> str:
    """Return the query for a table's rows, and for those that others wrote."""
    known = ", ".join(map(literal, writers))
    others = f"count(*) FILTER (WHERE xmin::text NOT IN ({known}))"
    return f"SELECT json_build_array(count(*), {others}) FROM ONLY dataset.{identifier(table)}"


def queries(plan: dict[str, Any], writers: dict[str, list[str]]) -> dict[str, str]:
    """Return what the checks ask: name -> a query that gives one JSON value."""
    role, own = literal(plan["role"]), literal(plan["schema"])
    writes = literal("INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER")
    counts = ", ".join(f"{literal(table)}, ({counted(table, by)})" for table, by in writers.items())
    return {
        "rights": "SELECT json_build_array(rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,"
        " (SELECT count(*) FROM pg_auth_members WHERE member = pg_roles.oid))"
        f" FROM pg_roles WHERE rolname = {role}",
        "verifier": f"SELECT to_json(left(rolpassword, 14)) FROM pg_authid WHERE rolname = {role}",
        "creates in": f"SELECT json_agg(nspname) FROM pg_namespace WHERE has_schema_privilege({role}, oid, 'CREATE')"
        " AND nspname !~ '^pg_(toast_)?temp_'",
        "reads": "SELECT json_agg(relnamespace::regnamespace || '.' || relname) FROM pg_class"
        " WHERE relkind IN ('r', 'p', 'v', 'm', 'f')"
        f" AND relnamespace NOT IN (to_regnamespace({own}), 'pg_catalog'::regnamespace,"
        " 'information_schema'::regnamespace)"
        f" AND has_schema_privilege({role}, relnamespace, 'USAGE') AND has_table_privilege({role}, oid, 'SELECT')"
        " AND relname NOT LIKE 'pg_stat_statements%'",
        "writes": f"SELECT json_object_agg(oid::regclass, has_table_privilege({role}, oid, {writes}))"
        f" FROM pg_class {LOADED}",
        "rows": f"SELECT json_build_object({counts})",
        "statements": "SELECT to_json(count(*)) FROM pg_stat_statements",
    }


@pytest.fixture(scope="module")
def told(sandbox: Any, sql: Sql, plan: dict[str, Any]) -> dict[str, Any]:
    """What the database says to all of them, asked at once: a psql for each is most of what these checks cost."""
    asked = queries(plan, loaded(sandbox)["writers"])
    values = ", ".join(f"{literal(name)}, ({query})" for name, query in asked.items())
    return dict(json.loads(sql(f"SELECT json_build_object({values})")))


@pytest.mark.row("S-04")
def test_role(told: dict[str, Any]) -> None:
    """the plugin's role is no superuser and may create neither roles nor databases, nor act as another."""
    assert told["rights"] == [False, False, False, False, False, 0]


@pytest.mark.row("S-04")
def test_attempts(as_plugin: Attempt) -> None:
    """the role cannot create roles, databases, schemas or read server files."""
    tried = as_plugin(
        "CREATE ROLE intruder",
        "CREATE SCHEMA intruder",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT rolpassword FROM pg_authid",
    )
    assert tried == dict.fromkeys(tried, REFUSED)


@pytest.mark.row("S-04")
def test_own_schema(as_plugin: Attempt, plan: dict[str, Any]) -> None:
    """the role works in its own schema."""
    statement = f"CREATE TABLE {identifier(plan['schema'])}.probe (id int)"
    assert as_plugin(statement) == {statement: ""}


@pytest.mark.row("S-04")
def test_other_schemas(told: dict[str, Any], plan: dict[str, Any]) -> None:
    """the role can create in no schema but its own."""
    assert told["creates in"] == [plan["schema"]]


@pytest.mark.row("S-04")
def test_granted_tables(told: dict[str, Any], plan: dict[str, Any]) -> None:
    """the role can read what the plan grants and its fixtures, and no other table outside its schema."""
    granted = {f"dataset.{table}" for table, rights in plan["dataset"]["grants"].items() if "select" in rights}
    fixtures = {f"fixture.{fixture['table']}" for fixture in plan["dataset"].get("fixtures", ())}
    assert set(told["reads"] or ()) == granted | fixtures


@pytest.mark.row("S-04")
def test_dataset_is_read_only(told: dict[str, Any], as_plugin: Attempt) -> None:
    """the role cannot write the dataset's tables, nor fixtures."""
    assert told["writes"], "the dataset has no tables"
    assert [table for table, may in told["writes"].items() if may] == []
    tried = as_plugin(*(f"DELETE FROM {table}" for table in told["writes"]))
    assert tried == dict.fromkeys(tried, REFUSED)


@pytest.mark.row("S-04")
def test_password(sandbox: Any, told: dict[str, Any]) -> None:
    """the role's password is long and random, kept by the database as a SCRAM verifier only."""
    assert told["verifier"] == "SCRAM-SHA-256$"
    file = sandbox.settings.job_runtime(sandbox.job) / "secrets" / "plugin_db_password"
    secret = file.read_text().strip()
    assert len(secret) >= 24, f"{len(secret)} characters"
    assert len(set(secret)) >= 10, "few different characters"
    assert file.stat().st_mode & 0o077 == 0, "others may read it"


@pytest.mark.row("S-04")
def test_password_is_asked_for(sandbox: Any, plan: dict[str, Any]) -> None:
    """the database refuses the role without its password."""
    database = sandbox.host("database")
    for password in ("", plan["role"]):
        tried = database.run(
            "PGPASSWORD=%s psql --no-password --host=127.0.0.1 --username=%s --dbname=sandbox --command='SELECT 1'",
            password,
            plan["role"],
        )
        assert tried.rc != 0, f"let in with {password!r}"


def test_dataset(sandbox: Any, told: dict[str, Any], proof: dict[str, Any]) -> None:
    """the table holds what was attested, and nothing was written since.

    The digest was proved when the dataset was loaded, or brought back. Who had written the rows by then had ended:
    what was written, changed or deleted since shows as a row of somebody else, or as one that is missing.
    """
    proofs = loaded(sandbox)["proofs"]
    assert proofs.get(proof["table"]) == proof["expected"], "its digest was not proved"
    assert told["rows"][proof["table"]] == [proof["rows"], 0], "[rows, written since]"


def test_statistics(told: dict[str, Any]) -> None:
    """pg_stat_statements counts queries."""
    assert told["statements"] >= 0
