"""Recomputes rows with the scalar oracle: a random sample of every column, and every value that looks suspicious."""

import random
from collections.abc import Iterator

import polars as pl

from sandbox_suite.datasets.gate import oracle_columns
from sandbox_suite.datasets.gate.anchors import hashes
from sandbox_suite.datasets.gate.case import IDENTIFIERS, Case, Table, lent
from sandbox_suite.datasets.gate.oracle import Oracle
from sandbox_suite.datasets.gate.surfaces import Originals
from sandbox_suite.datasets.gate.verdict import GateFinding

SAMPLE = 2_000  # rows per table, at least; a table with fewer is recomputed whole
LOOKED_UP = (*IDENTIFIERS, "name", "address")  # those whose masked values are looked up among the originals


def recompute(case: Case, oracle: Oracle, originals: Originals) -> Iterator[GateFinding]:
    """Compare masked values with what the oracle makes of their originals."""
    for table in case.every:
        if table.raw.height != table.masked.height:
            continue
        for column in table.masked_columns:
            chosen = set(_chosen(case, table, column))
            chosen.update(_suspicious(table, column, originals))
            rows = _differing(case, oracle, table, column, sorted(chosen))
            if rows:
                yield case.finding("recomputed", table, column, "is not what the mask makes of the original", rows)


def _chosen(case: Case, table: Table, column: str) -> list[int]:
    """Return random rows: of a slice as many as its share of the table, rounded up."""
    height = table.raw.height
    wanted = min(height, -(-SAMPLE * height // max(table.of, height, 1)))
    chance = random.Random(f"{case.seed}/{table.name}/{column}/{table.first}")  # noqa: S311 - the seed is in the report
    return chance.sample(range(height), wanted)


def _suspicious(table: Table, column: str, originals: Originals) -> list[int]:
    """Return the rows whose masked value is the original of some row: right by chance, or a leak."""
    if table.rules[column].kind not in LOOKED_UP:
        return []
    normal = table.normal("masked", column)
    if table.rules[column].kind == "phone":
        normal = normal.str.tail(9)
    found: list[int] = (originals.known.holds(hashes(normal)) & normal.is_not_null().to_numpy()).nonzero()[0].tolist()
    return found


def _differing(case: Case, oracle: Oracle, table: Table, column: str, rows: list[int]) -> list[int]:
    rule, chosen = table.rules[column], pl.Series(rows, dtype=pl.UInt32)
    names = [name for name in ("locale", "country", "person") if name in rule.options]
    beside = lent(case, table, rule.options[names[0]]).gather(chosen) if names else None
    expected, unknown = oracle_columns.mask(oracle, rule, table.raw[column].gather(chosen), beside)
    differs = expected.ne_missing(table.masked[column].gather(chosen))
    if rule.options.get("on_unknown") != "drop":
        differs |= unknown
    return chosen.filter(differs).to_list()
