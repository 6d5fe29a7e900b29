"""The last check: the masked tables against a dataframely schema built from manifest and policy."""

import importlib
import threading
from collections.abc import Iterator
from typing import Any

import polars as pl

from sandbox_suite.datasets.gate.case import Case, Table
from sandbox_suite.datasets.gate.verdict import GateFinding


def warm() -> None:
    """Import dataframely beside the first checks: it takes longer than this check itself."""
    threading.Thread(target=importlib.import_module, args=("dataframely",), daemon=True).start()


def table_constraints(case: Case) -> Iterator[GateFinding]:
    """Types, NULLs and primary keys hold in every masked table."""
    for table in case.tables.values():
        schema = _schema(case, table)
        if list(table.masked.columns) != list(schema.columns()):
            yield GateFinding("constraint", table.name, "", "the columns are not those of the raw table, in order")
            continue
        _, failure = schema.filter(table.masked, cast=False)
        for rule, count in sorted(failure.counts().items()):
            column, _, what = rule.partition("|")
            yield GateFinding("constraint", f"{table.name}.{column}" if what else table.name, "", what or rule, count)


def _schema(case: Case, table: Table) -> Any:
    import dataframely as dy

    claimed = case.claimed["tables"][table.name]["columns"]
    columns = {
        name: _column(kind, name in table.primary_key, claimed.get(name))
        for name, kind in table.raw.schema.items()
        if name not in table.rules or table.rules[name].kind != "drop"
    }
    return type(f"Masked_{table.name}", (dy.Schema,), columns)


def _column(kind: pl.DataType, key: bool, claimed: Any) -> Any:
    import dataframely as dy

    nullable = not key and bool((claimed or {}).get("nullable", False))
    options: dict[str, Any] = {"nullable": nullable, "primary_key": key}
    if isinstance(kind, pl.Datetime):
        return dy.Datetime(time_zone=kind.time_zone, time_unit=kind.time_unit, **options)
    if isinstance(kind, pl.Decimal):
        return dy.Decimal(kind.precision, kind.scale, **options)
    classes: dict[Any, Any] = {
        pl.String: dy.String,
        pl.Int64: dy.Int64,
        pl.Int32: dy.Int32,
        pl.Float64: dy.Float64,
        pl.Boolean: dy.Bool,
        pl.Date: dy.Date,
    }
    if kind.base_type() not in classes:
        return dy.Any()
    return classes[kind.base_type()](**options)
