"""The SQL that looks at, and changes, the dataset of a living database. Text only."""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox_suite.postgres import ddl
from sandbox_suite.postgres.ddl import SCHEMA, identifier, qualified

SPACE = identifier(SCHEMA)
THERE = "dataset_there"  # the schema as it is, while a new one of its name shows what it should be
# One line for everything that defines a schema's objects, whatever the schema is called.
DEFINITIONS = """
SELECT string_agg(replace(line, '{schema}.', ''), E'\\n' ORDER BY line) FROM (
SELECT format('relation %s %s %s %s %s', relname, relkind, relpersistence, relrowsecurity, reloptions) AS line
  FROM pg_class WHERE relnamespace = '{schema}'::regnamespace
UNION ALL SELECT format('column %s %s %s %s %s %s %s', c.relname, a.attnum, a.attname,
    format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attcollation, pg_get_expr(d.adbin, d.adrelid))
  FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
  LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE c.relnamespace = '{schema}'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind <> 'i'
UNION ALL SELECT format('constraint %s %s %s', conrelid::regclass, convalidated, pg_get_constraintdef(oid))
  FROM pg_constraint WHERE connamespace = '{schema}'::regnamespace
UNION ALL SELECT format('index %s %s', i.indisvalid, pg_get_indexdef(i.indexrelid))
  FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE c.relnamespace = '{schema}'::regnamespace
UNION ALL SELECT format('trigger %s %s', t.tgenabled, pg_get_triggerdef(t.oid))
  FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
  WHERE c.relnamespace = '{schema}'::regnamespace AND NOT t.tgisinternal
UNION ALL SELECT 'disabled trigger of ' || c.relname
  FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
  WHERE c.relnamespace = '{schema}'::regnamespace AND t.tgisinternal AND t.tgenabled <> 'O'
UNION ALL SELECT format('rule %s', pg_get_ruledef(r.oid))
  FROM pg_rewrite AS r JOIN pg_class AS c ON c.oid = r.ev_class WHERE c.relnamespace = '{schema}'::regnamespace
UNION ALL SELECT format('policy %s', polname)
  FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid WHERE c.relnamespace = '{schema}'::regnamespace
UNION ALL SELECT format('function %s', oid::regprocedure) FROM pg_proc WHERE pronamespace = '{schema}'::regnamespace
UNION ALL SELECT format('type %s', typname) FROM pg_type
  WHERE typnamespace = '{schema}'::regnamespace AND typrelid = 0 AND typelem = 0
) AS lines"""
# Views first: they hang on tables. RESTRICT, the default: what others made of them is not ours to drop.
DROP = """
DO $do$ DECLARE one record; BEGIN
FOR one IN SELECT kind, string_agg(format('%I.%I', '{schema}', relname), ', ') AS names FROM (
  SELECT relname, CASE relkind WHEN 'v' THEN '1 VIEW' WHEN 'm' THEN '2 MATERIALIZED VIEW'
    WHEN 'f' THEN '4 FOREIGN TABLE' ELSE '3 TABLE' END AS kind
  FROM pg_class WHERE relnamespace = to_regnamespace('{schema}') AND relkind IN ('r', 'p', 'v', 'm', 'f')
    AND NOT relispartition) AS found GROUP BY kind ORDER BY kind
LOOP EXECUTE format('DROP %s %s', substr(one.kind, 3), one.names); END LOOP;
END $do$"""
OTHERS = """
FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation AND c.relnamespace = to_regnamespace('{schema}')
JOIN pg_stat_activity AS a ON a.pid = l.pid WHERE l.granted AND l.pid <> pg_backend_pid()"""
HOLDERS = (
    "SELECT DISTINCT format('  %s (process %s, %s since %s)', coalesce(nullif(a.application_name, ''), a.usename),"
    " a.pid, a.state, date_trunc('second', a.state_change))" + OTHERS
)
ENDED = "SELECT count(pg_terminate_backend(pid)) FROM ({holders}) AS holders"
ROWS = "SELECT json_build_object('rows', count(*), 'writers', json_agg(DISTINCT xmin::text)) FROM ONLY {table}"
WRITERS = "(SELECT array_agg(DISTINCT xmin::text) FROM ONLY {table})"
LOOK = """SET LOCAL lock_timeout = '{milliseconds}ms';
SET LOCAL search_path = pg_catalog;
CREATE SCHEMA IF NOT EXISTS {space};
ALTER SCHEMA {space} RENAME TO {there};
{wanted};
SELECT ({found}) IS NOT DISTINCT FROM ({new}) AS same \\gset
\\if :same
SELECT json_build_object({rows});
\\else
SELECT 'null';
\\endif
ROLLBACK;
"""


def look(tables: Mapping[str, Any], wait_seconds: float) -> str:
    """Return a psql script, taken back at its end, whose last line is JSON.

    null where the definitions differ; else table -> {rows, writers}: how many, and by which transactions.
    """
    return LOOK.format(
        milliseconds=int(wait_seconds * 1000),
        space=SPACE,
        there=THERE,
        wanted=";\n".join([f"CREATE SCHEMA {SPACE}", *ddl.create_tables(tables), *ddl.create_keys(tables)]),
        found=DEFINITIONS.format(schema=THERE),
        new=DEFINITIONS.format(schema=SCHEMA),
        rows=", ".join(f"{_literal(name)}, ({ROWS.format(table=f'{THERE}.{identifier(name)}')})" for name in tables),
    )


def begin(wait_seconds: float) -> list[str]:
    """Return what a transaction of ours begins with."""
    return [
        "SET LOCAL pg_stat_statements.track = 'none'",
        f"SET LOCAL lock_timeout = '{int(wait_seconds * 1000)}ms'",
        # Without the checks of foreign keys for each row: the digest proves the rows, which the gate proved to fit.
        "SET LOCAL session_replication_role = replica",
    ]


def make_anew(tables: Mapping[str, Any]) -> list[str]:
    """Return what drops all that is in the schema, and makes the empty tables. Keys come after the rows."""
    dropped = [DROP.format(schema=SCHEMA), f"DROP SCHEMA IF EXISTS {SPACE}", f"CREATE SCHEMA {SPACE}"]
    return [*dropped, *ddl.create_tables(tables)]


def grants(role: str, wanted: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what gives a role exactly these rights on the dataset's tables."""
    name = identifier(role)
    given = [
        f"GRANT {privilege} ON {qualified(table)} TO {name}"
        for table, privileges in sorted(wanted.items())
        for privilege in sorted(privileges)
    ]
    return [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {SPACE} FROM {name}",
        f"GRANT USAGE ON SCHEMA {SPACE} TO {name}",
        *given,
    ]


def writers(table: str) -> str:
    """Return the expression that gives the transactions that wrote a table's rows."""
    return WRITERS.format(table=qualified(table))


def holders() -> str:
    """Return the query that tells, a line each, which sessions hold the dataset's tables."""
    return HOLDERS.format(schema=SCHEMA)


def end_holders() -> str:
    """Return the statement that ends the sessions which hold the dataset's tables, and tells how many."""
    return ENDED.format(holders="SELECT DISTINCT l.pid" + OTHERS.format(schema=SCHEMA))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
