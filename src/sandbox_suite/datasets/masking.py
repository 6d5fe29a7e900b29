"""Masking: a raw source goes through a policy into a quarantine folder, in batches of Arrow rows.

`mask_batch` is a pure function from batch to batch, so that any engine can run it. What it writes is proved
by the gate, not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

from sandbox_suite.core.errors import BlockedError, RequestError
from sandbox_suite.core.files import write_json
from sandbox_suite.core.findings import Finding, errors
from sandbox_suite.core.progress import Say
from sandbox_suite.datasets import masking_stream, masks, oracle, pools
from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masking_batch import GONE, TablePlan, mask_batch
from sandbox_suite.datasets.masks import KINDS
from sandbox_suite.datasets.policy import Policy, Rule
from sandbox_suite.datasets.sources import Column, Source, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TablePlan", "kernel", "mask", "mask_batch", "plan_of"]


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
        plan = plan_of(source, policy, name)
        tables[name], logged = _table(source, plan, schema[name], keys, out, say)
        spans |= logged
        say(f"masked {name}: {tables[name]['rows']} rows")
    write_json(out / "quarantine.json", _head(source, policy, keys) | {"tables": tables, "spans": spans})


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


def plan_of(source: Source, policy: Policy, name: str) -> TablePlan:
    """Return what masking a table takes; RequestError where keys do not lead to what a rule needs."""
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
    wanted = list(dict.fromkeys([key, *sorted(columns)]))
    frame = pl.from_arrow(pa.concat_tables([batch.select(wanted) for batch in source.batches(owner)]))
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("a source reads tables")
    if not frame[key].is_unique().all():
        raise RequestError(f"{aim}: values of a key stand twice")
    lent = frame.select(pl.col(key).alias(column), *(pl.col(item).alias(f"{owner}.{item}") for item in sorted(columns)))
    return column, lent


def _column(rule: Rule, shape: Column) -> dict[str, Any]:
    codomain = {"keep": dict(rule.options)} if rule.kind == "keep" else KINDS[rule.kind].module().codomain(rule.options)
    nullable = shape.nullable or rule.kind == "null" or rule.options.get("on_unknown") == "drop"
    return {"type": shape.type, "nullable": nullable, "rule": rule.canonical(), "codomain": codomain}


def _table(
    source: Source, plan: TablePlan, columns: Mapping[str, Column], keys: Keys, out: Path, say: Say
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Mask one table; return its part of `quarantine.json` and that of its spans."""

    def masked(batch: pa.Table, part: TablePlan) -> masking_stream.Masked:
        return mask_batch(batch, part, keys)

    batches = source.batches(plan.table.name, masking_stream.SLICE)
    written, spans = masking_stream.write(batches, plan, masked, out, say)
    described = {
        column: _column(plan.rules[column], shape)
        for column, shape in columns.items()
        if plan.rules[column].kind != GONE
    }
    keyed = {"primary_key": list(plan.table.primary_key), "foreign_keys": dict(plan.table.foreign_keys)}
    return written | keyed | {"columns": described}, spans
