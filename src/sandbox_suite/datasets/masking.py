"""Masking: a raw source goes through a policy into a quarantine folder, in batches of Arrow rows.

`mask_batch` is a pure function from batch to batch, so that any engine can run it. What it writes is proved
by the gate, not here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from sandbox_suite.core.errors import BlockedError, RequestError
from sandbox_suite.core.files import file_digest, write_json
from sandbox_suite.core.findings import Finding, errors
from sandbox_suite.core.progress import Say
from sandbox_suite.datasets import masks, oracle, pools
from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import KINDS
from sandbox_suite.datasets.masks.coded import UnknownValuesError
from sandbox_suite.datasets.policy import Policy, Rule
from sandbox_suite.datasets.sources import Column, Source, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def kernel() -> str:
    """Return the version of everything that decides a pseudonym beside the key: masks and pools."""
    return f"masks-{masks.VERSION}+pools.{pools.version()}"


def mask(source: Source, policy: Policy, master: bytes, out: Path, say: Say) -> None:
    """Write the quarantine of `source` into the new folder `out`. Whatever is raised, the caller removes `out`."""
    keys = Keys(master)
    schema = source.schema()
    _refuse(policy.covers(schema))
    for folder in ("tables", "spans"):
        (out / folder).mkdir(parents=True)
    tables: dict[str, Any] = {}
    spans: dict[str, Any] = {}
    for name in source.tables:
        plan = _plan(source, policy, name)
        tables[name], logged = _table(source, plan, schema[name], keys, out)
        spans |= logged
        say(f"masked {name}: {tables[name]['rows']} rows")
    write_json(out / "quarantine.json", _head(source, policy, keys) | {"tables": tables, "spans": spans})


def mask_batch(batch: pa.Table, plan: TablePlan, keys: Keys) -> tuple[pa.Table, dict[str, pl.DataFrame]]:
    """Return the masked batch and {column of free text: spans with the primary key}. Touches nothing but its input."""
    raw = pl.from_arrow(batch)
    if not isinstance(raw, pl.DataFrame):
        raise TypeError("a batch is a table")
    _refuse_nul(raw, plan.table.name)
    wide = raw
    for column, lent in plan.lookups.items():
        wide = wide.join(lent, on=column, how="left", maintain_order="left")
    masked: dict[str, pl.Series] = {}
    logs: dict[str, pl.DataFrame] = {}
    for column in raw.columns:
        rule = plan.rules[column]
        if rule.kind == GONE:
            continue
        masked[column], log = _masked(wide, rule, keys, plan)
        if log is not None:
            logs[column] = _keyed(log, raw, plan.table.primary_key)
    table = pl.DataFrame(masked).to_arrow(compat_level=pl.CompatLevel.oldest())
    return table.cast(_schema(batch.schema, plan.rules)), logs


def _head(source: Source, policy: Policy, keys: Keys) -> dict[str, Any]:
    return {
        "name": source.name,
        "version": source.version,
        "policy": {"name": policy.name, "version": policy.version, "digest": policy.digest},
        "kernel": kernel(),
        "key_fingerprint": keys.fingerprint,
        "source_digest": source.digest(),
        "pools": pools.digests(),
    }


def _refuse(findings: Sequence[Any]) -> None:
    wrong = errors(findings)
    if wrong:
        raise BlockedError(
            "\n".join(f"{item.place}: {item.message} [{item.id}]" for item in wrong),
            left="nothing was masked",
            remedy="give every column a rule in the masking policy",
        )


def _plan(source: Source, policy: Policy, name: str) -> TablePlan:
    rules = policy.rules(name)
    _refuse(_dropped_keys(source.tables, name, rules))
    wanted: dict[str, set[str]] = {}  # {table: its columns}
    for rule in rules.values():
        for column in oracle.needs(rule.options).values():
            owner, _, bare = column.rpartition(".")
            if owner and owner != name:
                wanted.setdefault(owner, set()).add(bare)
    lookups = dict(_lookup(source, name, owner, columns) for owner, columns in wanted.items())
    return TablePlan(source.tables[name], rules, lookups)


def _dropped_keys(tables: Mapping[str, Table], name: str, rules: Mapping[str, Rule]) -> list[Finding]:
    """Return the columns that the policy drops though a key needs them."""
    table, aims = tables[name], {aim for other in tables.values() for aim in other.foreign_keys.values()}
    return [
        Finding("error", "a column of a key cannot be dropped", f"{name}.{column}", "policy-key-dropped")
        for column, rule in rules.items()
        if rule.kind == GONE
        and (column in table.primary_key or column in table.foreign_keys or f"{name}.{column}" in aims)
    ]


def _lookup(source: Source, name: str, owner: str, columns: set[str]) -> tuple[str, pl.DataFrame]:
    """Return the foreign key of table `name` to table `owner`, and the owner's columns by that key."""
    keys = {column: aim for column, aim in source.tables[name].foreign_keys.items() if aim.partition(".")[0] == owner}
    if len(keys) != 1:
        raise RequestError(
            f"{name}: a rule names columns of `{owner}`, to which {len(keys)} foreign keys lead: one is needed",
            remedy="correct `foreign_keys` of the data set, or the rule",
        )
    ((column, aim),) = keys.items()
    key = aim.partition(".")[2]
    frame = pl.from_arrow(source.read(owner).select(list(dict.fromkeys([key, *sorted(columns)]))))
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("a source reads tables")
    if not frame[key].is_unique().all():
        raise RequestError(f"{aim}: values of a key stand twice")
    lent = frame.select(pl.col(key).alias(column), *(pl.col(item).alias(f"{owner}.{item}") for item in sorted(columns)))
    return column, lent


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
    same = (masked == values).fill_null(False) & (values.cast(pl.String) != "").fill_null(False)
    if same.any():
        raise _blocked(rule, "the mask gave values themselves", wide, plan, same.arg_true().to_list())
    return masked.alias(rule.column), None


def _shown(wide: pl.DataFrame, table: Table, rules: Mapping[str, Rule], rows: Sequence[int]) -> str:
    """Name rows by their primary key; by their place in the batch, from 1, where the key is a value to mask."""
    if any(rules[column].kind != "keep" for column in table.primary_key):
        return ", ".join(f"#{row + 1}" for row in rows)
    return ", ".join("/".join(map(str, row)) for row in wide.select(table.primary_key)[list(rows)].rows())


def _blocked(rule: Rule, said: str, wide: pl.DataFrame, plan: TablePlan, rows: Sequence[int]) -> BlockedError:
    keys = _shown(wide, plan.table, plan.rules, rows[:SHOWN])
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


def _schema(raw: pa.Schema, rules: Mapping[str, Rule]) -> pa.Schema:
    """Return the raw schema; what may become NULL is nullable."""

    def nullable(item: pa.Field) -> bool:
        rule = rules[item.name]
        return bool(item.nullable or rule.kind == "null" or rule.options.get("on_unknown") == "drop")

    kept = [item for item in raw if rules[item.name].kind != GONE]
    return pa.schema([pa.field(item.name, item.type, nullable(item)) for item in kept])


def _table(
    source: Source, plan: TablePlan, columns: Mapping[str, Column], keys: Keys, out: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Mask one table batch by batch; return its part of `quarantine.json` and that of its spans."""
    name, rows = plan.table.name, 0
    file = out / "tables" / f"{name}.parquet"
    logs: dict[str, list[pl.DataFrame]] = {
        column: [] for column, rule in plan.rules.items() if rule.kind == "free_text"
    }
    writer: pq.ParquetWriter | None = None
    try:
        for masked, found in _batches(source, plan, keys):
            writer = writer or pq.ParquetWriter(file, masked.schema, compression="zstd")
            writer.write_table(masked)
            rows += masked.num_rows
            for column, log in found.items():
                logs[column].append(log)
    finally:
        if writer:
            writer.close()
    described = {
        column: _column(plan.rules[column], shape)
        for column, shape in columns.items()
        if plan.rules[column].kind != GONE
    }
    keyed = {"primary_key": list(plan.table.primary_key), "foreign_keys": dict(plan.table.foreign_keys)}
    entry = {"rows": rows, "file_digest": file_digest(file), **keyed, "columns": described}
    return entry, {f"{name}.{column}": _spans(out, name, column, parts) for column, parts in logs.items()}


def _batches(source: Source, plan: TablePlan, keys: Keys) -> Iterator[tuple[pa.Table, dict[str, pl.DataFrame]]]:
    for batch in source.batches(plan.table.name):
        yield mask_batch(batch, plan, keys)


def _column(rule: Rule, shape: Column) -> dict[str, Any]:
    codomain = {"keep": dict(rule.options)} if rule.kind == "keep" else KINDS[rule.kind].module().codomain(rule.options)
    nullable = shape.nullable or rule.kind == "null" or rule.options.get("on_unknown") == "drop"
    return {"type": shape.type, "nullable": nullable, "rule": rule.canonical(), "codomain": codomain}


def _spans(out: Path, table: str, column: str, parts: Sequence[pl.DataFrame]) -> dict[str, Any]:
    file = out / "spans" / f"{table}.{column}.parquet"
    log = pl.concat(parts)
    log.write_parquet(file)
    return {"rows": len(log), "file_digest": file_digest(file)}
