"""The kernel of masking: a pure function from a batch of Arrow rows to a masked one, so that any engine can run it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from sandbox_suite.core.errors import BlockedError, RequestError
from sandbox_suite.datasets import oracle
from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import KINDS
from sandbox_suite.datasets.masks.coded import UnknownValuesError
from sandbox_suite.datasets.policy import Rule
from sandbox_suite.datasets.sources import Table

SHOWN = 5  # row keys that a message names
GONE = "drop"  # the mask whose column is not in the masked table


@dataclass(frozen=True)
class TablePlan:
    """What masking one table takes: its rules and the columns that other tables lend it."""

    table: Table
    rules: Mapping[str, Rule]
    lookups: Mapping[str, pl.DataFrame] = field(
        default_factory=dict
    )  # {own column: frame of that key and lent columns}
    first: int = 0  # rows of the table before the batch, for messages


def mask_batch(batch: pa.Table, plan: TablePlan, keys: Keys) -> tuple[pa.Table, dict[str, pl.DataFrame]]:
    """Return the masked batch and {column of free text: spans with the primary key}. Touches nothing but its input."""
    raw = pl.from_arrow(batch)
    if not isinstance(raw, pl.DataFrame):
        raise TypeError("a batch is a table")
    _refuse_nul(raw, plan.table.name)
    wide = raw
    for column, lent in plan.lookups.items():
        wide = wide.join(lent, on=column, how="left", maintain_order="left")
    shape = schema(batch.schema, plan.rules)
    arrays: list[pa.ChunkedArray] = []  # in Arrow as soon as it is masked: two copies of one column, not of all
    logs: dict[str, pl.DataFrame] = {}
    for item in shape:
        masked, log = _masked(wide, plan.rules[item.name], keys, plan)
        arrays.append(pa.chunked_array([masked.to_arrow(compat_level=pl.CompatLevel.oldest())]).cast(item.type))
        if log is not None:
            logs[item.name] = _keyed(log, raw, plan.table.primary_key)
    return pa.Table.from_arrays(arrays, schema=shape), logs


def schema(raw: pa.Schema, rules: Mapping[str, Rule]) -> pa.Schema:
    """Return the schema of a masked table: the raw one without dropped columns; what may become NULL is nullable."""

    def nullable(item: pa.Field) -> bool:
        rule = rules[item.name]
        return bool(item.nullable or rule.kind == "null" or rule.options.get("on_unknown") == "drop")

    kept = [item for item in raw if rules[item.name].kind != GONE]
    return pa.schema([pa.field(item.name, item.type, nullable(item)) for item in kept])


def _masked(wide: pl.DataFrame, rule: Rule, keys: Keys, plan: TablePlan) -> tuple[pl.Series, pl.DataFrame | None]:
    values = wide[rule.column]
    if rule.kind == "keep":
        return values, None
    own = f"{rule.table}."
    inputs = {name: wide[column.removeprefix(own)] for name, column in oracle.needs(rule.options).items()}
    module = KINDS[rule.kind].module()
    try:
        if rule.kind == "free_text":
            masked, log = module.mask(values, inputs, keys, rule.options)
            return masked, log
        masked = module.vector(values, inputs, keys, rule.options)
    except UnknownValuesError as unknown:
        raise _blocked(rule, str(unknown), wide, plan, unknown.rows) from None
    if not KINDS[rule.kind].changes:
        return masked.alias(rule.column), None
    same = (masked == values).fill_null(False)
    if same.any() and (same := same & (values.cast(pl.String) != "").fill_null(False)).any():
        raise _blocked(rule, "the mask gave values themselves", wide, plan, same.arg_true().to_list())
    return masked.alias(rule.column), None


def _shown(wide: pl.DataFrame, plan: TablePlan, rows: Sequence[int]) -> str:
    """Name rows by their primary key; by their place in the table, from 1, where the key is a value to mask."""
    key = plan.table.primary_key
    if any(plan.rules[column].kind != "keep" for column in key):
        return ", ".join(f"#{plan.first + row + 1}" for row in rows)
    return ", ".join("/".join(map(str, row)) for row in wide.select(key)[list(rows)].rows())


def _blocked(rule: Rule, said: str, wide: pl.DataFrame, plan: TablePlan, rows: Sequence[int]) -> BlockedError:
    keys = _shown(wide, plan, rows[:SHOWN])
    return BlockedError(
        f"{rule.table}.{rule.column}: mask `{rule.kind}`: {said}; rows {keys}" + (", ..." if len(rows) > SHOWN else ""),
        left="the quarantine is removed, the attested version before it stays",
        remedy="correct these rows, or let the rule `drop` what it does not understand",
    )


def _keyed(log: pl.DataFrame, raw: pl.DataFrame, primary_key: Sequence[str]) -> pl.DataFrame:
    """Name a span's row by its primary key."""
    keys = raw.select(f"{column}" for column in primary_key)[log["row"]]
    return pl.concat([keys, log.drop("row")], how="horizontal")


def _refuse_nul(raw: pl.DataFrame, table: str) -> None:
    texts = [name for name, kind in raw.schema.items() if kind == pl.String]
    holding = [name for name in texts if raw[name].str.contains("\x00", literal=True).any()]
    if holding:
        raise RequestError(
            "\n".join(f"{table}.{name}: holds a NUL character, which PostgreSQL refuses" for name in holding),
            remedy="remove it from the source",
        )
