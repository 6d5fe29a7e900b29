"""Free text: every span that the masker logged is recomputed, and only then cut out of what is scanned for leaks.

A masker that logs everything would otherwise hide everything. Outside its spans a text must be what it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from sandbox_suite.datasets.gate.case import Case, Rule, Table
from sandbox_suite.datasets.gate.oracle import UNKNOWN, Oracle, plain
from sandbox_suite.datasets.gate.surfaces import CUT
from sandbox_suite.datasets.gate.verdict import GateFinding

REMOVED = "[removed]"
COLUMNS = ("start", "end", "masked_start", "masked_end", "kind", "original_hmac")
Span = tuple[int, int, int, int, str, str]


def recompute(case: Case, oracle: Oracle, residual: dict[tuple[str, str], pl.Series]) -> Iterator[GateFinding]:
    """Recompute every span of every free text, and fill `residual` with the masked texts without their spans."""
    for table in case.tables.values():
        for column in table.masks("free_text"):
            if table.raw.height == table.masked.height:
                texts, wrong = _column(case, oracle, table, column)
                residual[table.name, column] = texts
                for message, rows in wrong.items():
                    yield case.finding("span", table, column, message, rows, "masked")


def _column(case: Case, oracle: Oracle, table: Table, column: str) -> tuple[pl.Series, dict[str, list[int]]]:
    """Return the residual of each row, and {what is wrong: rows}. A row that is wrong keeps its whole text."""
    masked, raw = table.masked[column], table.raw[column]
    residual = masked.to_list()
    wrong: dict[str, list[int]] = {}
    spans = _log(table, column)
    for row in (masked.ne_missing(raw)).arg_true().to_list():
        if row not in spans:
            _add(wrong, "differs from the raw text without a span", row)
    if not spans:
        return pl.Series(residual, dtype=pl.String), wrong
    rule, context = table.rules[column], _context(case, table, table.rules[column], sorted(spans))
    for row, logged in spans.items():
        text, original = masked[row], raw[row]
        if text is None or original is None:
            _add(wrong, "has a span in NULL", row)
            continue
        said = next(
            (said for said in (_wrong(oracle, rule, context[row], original, text, span) for span in logged) if said), ""
        )
        outside, kept = _cut(text, [span[2:4] for span in logged]), _cut(original, [span[0:2] for span in logged])
        if said or outside is None or outside != kept:
            _add(wrong, said or "differs from the raw text outside its spans", row)
        else:
            residual[row] = outside
    return pl.Series(residual, dtype=pl.String), wrong


def _add(wrong: dict[str, list[int]], message: str, row: int) -> None:
    wrong.setdefault(message, []).append(row)


def _log(table: Table, column: str) -> dict[int, list[Span]]:
    """Return {row number: its spans in order}."""
    path = table.spans.get(column)
    if path is None:
        return {}
    log = pl.read_parquet(path)
    rows = table.masked.select(table.primary_key).with_row_index("_row")
    joined = log.join(rows, on=list(table.primary_key), how="left").sort("_row", "start", maintain_order=True)
    if joined["_row"].null_count() or joined.height != log.height:
        raise ValueError("the span log names rows that are not there")
    spans: dict[int, list[Span]] = {}
    for row, *span in joined.select("_row", *COLUMNS).iter_rows():
        spans.setdefault(row, []).append(tuple(span))
    return spans


def _cut(text: str, places: Sequence[tuple[int, int]]) -> str | None:
    """Return a text with its spans cut out; None where they overlap or leave the text."""
    pieces, last = [], 0
    for start, end in places:
        if not last <= start < end <= len(text):
            return None
        pieces.append(text[last:start])
        last = end
    return CUT.join([*pieces, text[last:]])


def _wrong(oracle: Oracle, rule: Rule, context: Mapping[str, Any], original: str, masked: str, span: Span) -> str:
    """Return what is wrong with one span, or nothing."""
    start, end, masked_start, masked_end, kind, tag = span
    before, after = original[start:end], masked[masked_start:masked_end]
    if oracle.span_tag(before) != tag:
        return "has a span of another text"
    if plain(before) == plain(after):
        return "has a span that masks nothing"
    if after == REMOVED:
        return "" if rule.options.get("on_unknown") == "drop" or kind == "name" else "has a removed span"
    if kind == "name":
        return "" if _is_name(oracle, context, before, after) else "has a span that is not the mask of the own name"
    if kind.partition(":")[0] not in rule.options["modes"]:
        return "has a span of no known kind"
    expected = oracle.mask(_span_rule(kind, rule), before, {"country": kind[-2:]})
    return "" if expected is not UNKNOWN and expected == after else f"has a span that is not the mask of its {kind}"


def _span_rule(kind: str, rule: Rule) -> Rule:
    name = kind.partition(":")[0]
    return Rule(name, {"mode": rule.options["modes"][name]})


def _is_name(oracle: Oracle, context: Mapping[str, Any], before: str, after: str) -> bool:
    return any(
        name and plain(before) in plain(name) and after == oracle.mask(Rule("name", {}), name, context)
        for name in context["names"]
    )


def _context(case: Case, table: Table, rule: Rule, rows: list[int]) -> dict[int, dict[str, Any]]:
    """Return, per row, its own names and its locale."""
    names = [lent(case, table, reference)[rows].to_list() for reference in rule.options.get("names_from", ())]
    locale = rule.options.get("locale")
    locales = lent(case, table, locale)[rows].to_list() if locale else [None] * len(rows)
    return {
        row: {"locale": locales[place], "names": [values[place] for values in names]} for place, row in enumerate(rows)
    }


def lent(case: Case, table: Table, reference: str) -> pl.Series:
    """Return a raw column of this table, or of the table that it has a foreign key to, row by row."""
    owner, _, name = reference.rpartition(".")
    if owner in ("", table.name):
        return table.raw[name]
    ((key, aim),) = [(key, aim) for key, aim in table.foreign_keys.items() if aim.partition(".")[0] == owner]
    other = case.tables[owner].raw.select(pl.col(aim.partition(".")[2]).alias("_key"), pl.col(name).alias("_value"))
    own = table.raw.select(pl.col(key).alias("_key"))
    return own.join(other.unique("_key"), on="_key", how="left", maintain_order="left")["_value"]
