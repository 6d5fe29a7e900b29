"""Recomputes rows with the scalar oracle: a random sample of every column, and every value that looks suspicious."""

import random
from collections.abc import Iterator
from typing import Any

import polars as pl

from sandbox_suite.datasets.gate import ids
from sandbox_suite.datasets.gate.case import IDENTIFIERS, Case, Table
from sandbox_suite.datasets.gate.oracle import UNKNOWN, Oracle
from sandbox_suite.datasets.gate.spans import lent
from sandbox_suite.datasets.gate.surfaces import Originals
from sandbox_suite.datasets.gate.verdict import GateFinding

SAMPLE = 2_000  # rows per table, at least; a table with fewer is recomputed whole
LOOKED_UP = (*IDENTIFIERS, "name", "address")  # those whose masked values are looked up among the originals


def recompute(case: Case, oracle: Oracle, originals: Originals) -> Iterator[GateFinding]:
    """Compare masked values with what the oracle makes of their originals."""
    chance = random.Random(case.seed)  # noqa: S311 - which rows are looked at; the seed is in the report
    for table in case.every:
        if table.raw.height != table.masked.height:
            continue
        for column in table.masked_columns:
            chosen = set(chance.sample(range(table.raw.height), min(SAMPLE, table.raw.height)))
            chosen.update(_suspicious(table, column, originals))
            rows = _differing(case, oracle, table, column, sorted(chosen))
            if rows:
                yield case.finding("recomputed", table, column, "is not what the mask makes of the original", rows)


def _suspicious(table: Table, column: str, originals: Originals) -> list[int]:
    """Return the rows whose masked value is the original of some row: right by chance, or a leak."""
    if table.rules[column].kind not in LOOKED_UP:
        return []
    normal = table.masked.select(ids.normal(pl.col(column))).to_series()
    if table.rules[column].kind == "phone":
        normal = normal.str.tail(9)
    return normal.is_in(originals.known.implode()).fill_null(False).arg_true().to_list()


def _differing(case: Case, oracle: Oracle, table: Table, column: str, rows: list[int]) -> list[int]:
    rule = table.rules[column]
    beside = {name: lent(case, table, rule.options[name])[rows].to_list() for name in _options(rule.options)}
    raw, masked = table.raw[column][rows].to_list(), table.masked[column][rows].to_list()
    differing = []
    for place, row in enumerate(rows):
        context = {name: values[place] for name, values in beside.items()}
        expected = oracle.mask(rule, raw[place], context)
        if expected is UNKNOWN or expected != masked[place]:
            differing.append(row)
    return differing


def _options(options: Any) -> list[str]:
    return [name for name in ("locale", "country", "person") if name in options]
