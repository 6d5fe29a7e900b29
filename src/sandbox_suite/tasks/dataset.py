"""dataset.list and dataset.show: the stored versions of datasets."""

from collections.abc import Mapping
from typing import Any

from invoke.context import Context
from invoke.tasks import task

from sandbox_suite.core.clock import utc_now
from sandbox_suite.core.settings import settings
from sandbox_suite.tasks import output
from sandbox_suite.tasks.output import JSON_HELP

NAME_HELP = "NAME@VERSION of the dataset"


@task(name="list", help={"json": JSON_HELP})
def list_(context: Context, json: bool = False) -> None:
    """List the datasets that can be asked for, and which of them are attested."""
    from sandbox_suite.datasets import listing

    rows = listing.rows(settings(), utc_now())
    if json:
        output.facts({"datasets": rows})
        return
    titles = ("dataset", "state", "current", "rows", "digest", "attested or imported", "by")
    cells = [
        (
            *(row["reference"], row["state"], "*" if row["current"] else row["current_version"] and "-"),
            *(str(row["rows"] or "-"), row["digest"][:19] or "-"),
            *(row["at"] or row.get("imported_at") or "-", row.get("imported_by") or "-"),
        )
        for row in rows
    ]
    output.table(titles, cells, empty="no dataset: import one, or put a source into examples/datasets")


@task(help={"name": NAME_HELP, "json": JSON_HELP})
def show(context: Context, name: str, json: bool = False) -> None:
    """Show a version, attested or raw: digests, tables, keys, columns with types, comments and rules."""
    from sandbox_suite.datasets import listing

    shown = listing.show(name, settings(), utc_now())
    if json:
        output.facts(shown)
        return
    output.lines(f"{key:<13} {value}" for key, value in shown.items() if key != "tables")
    for table, spec in shown["tables"].items():
        output.lines(table_lines(table, spec))


def table_lines(table: str, spec: Mapping[str, Any]) -> list[str]:
    """Return the lines that show a table of a manifest: keys (and which were discovered), columns, comments, rules."""
    key = ", ".join(spec["primary_key"]) + _discovered(spec, "primary_key")
    comment = f"  -- {spec['comment']}" if spec.get("comment") else ""
    return ["", f"{table}: {spec['rows']} rows, primary key {key}{comment}"] + [
        _column_line(spec, column).rstrip() for column in spec["order"]
    ]


def _column_line(spec: Mapping[str, Any], column: str) -> str:
    shown = spec["columns"][column]
    aim = spec["foreign_keys"].get(column)
    key = f" -> {aim}{_discovered(spec, f'foreign_keys.{column}')}" if aim else ""
    null = "" if shown["nullable"] else " not null"
    comment = f"  -- {shown['comment']}" if shown.get("comment") else ""
    return f"  {column:<20} {shown['type'] + null:<22} {_rule(shown)}{key}{comment}"


def _discovered(spec: Mapping[str, Any], key: str) -> str:
    return " (discovered)" if key in spec.get("discovered", ()) else ""


def _rule(column: Mapping[str, Any]) -> str:
    rule = column.get("rule")
    if rule is None:
        return ""
    return f"mask {rule['mask']}" if "mask" in rule else f"keep: {rule.get('keep', {}).get('why', '')}"
