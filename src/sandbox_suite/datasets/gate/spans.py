"""Free text: every span that the masker logged is recomputed, and only then cut out of what is scanned for leaks.

A masker that logs everything would otherwise hide everything. Outside its spans a text must be what it was.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from sandbox_suite.datasets.gate import cutting, oracle_columns
from sandbox_suite.datasets.gate.case import Case, Rule, Table, lent
from sandbox_suite.datasets.gate.oracle import Oracle
from sandbox_suite.datasets.gate.verdict import GateFinding

REMOVED = "[removed]"
NO_SPAN = "differs from the raw text without a span"
IN_NULL = "has a span in NULL"
OUTSIDE = "differs from the raw text outside its spans"
OF_ANOTHER = "has a span of another text"
NOTHING = "has a span that masks nothing"
NOT_REMOVED = "has a removed span"
NO_KIND = "has a span of no known kind"
NO_NAME = "has a span that is not the mask of the own name"


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
    log = table.span_log(column)
    spanned = np.zeros(len(masked), bool)
    spanned[log["_row"].to_numpy()] = True
    said = pl.repeat(None, len(masked), dtype=pl.String, eager=True)
    said = said.set(masked.ne_missing(raw) & ~pl.Series(spanned), NO_SPAN)
    said = said.set((masked.is_null() | raw.is_null()) & pl.Series(spanned), IN_NULL)
    residual = masked
    rows = (pl.Series(spanned) & said.is_null()).arg_true()
    if len(rows):
        places = pl.Series(np.full(len(masked), -1)).scatter(rows, pl.Series(range(len(rows)), dtype=pl.Int64))
        log = log.with_columns(place=places.gather(log["_row"])).filter(pl.col("place") >= 0)
        found, outside = _compared(case, oracle, table, table.rules[column], log, raw.gather(rows), masked.gather(rows))
        said, good = said.scatter(rows, found), found.is_null()
        residual = residual.scatter(rows.filter(good), outside.filter(good))
    wrong = {
        str(message): (said == message).fill_null(False).arg_true().to_list()
        for message in said.drop_nulls().unique(maintain_order=True)
    }
    return residual, wrong


def _compared(
    case: Case, oracle: Oracle, table: Table, rule: Rule, log: pl.DataFrame, raw: pl.Series, masked: pl.Series
) -> tuple[pl.Series, pl.Series]:
    """Return what is wrong with each text (NULL: nothing), and the masked texts without spans."""
    before, kept, torn = cutting.cut(raw, log["place"], log["start"], log["end"])
    after, outside, lost = cutting.cut(masked, log["place"], log["masked_start"], log["masked_end"])
    torn = torn | lost
    whole = ~torn.gather(log["place"])
    wrong = pl.repeat(None, len(log), dtype=pl.String, eager=True)
    rows = whole.arg_true()
    spans = log.with_columns(before=before, after=after)[rows]
    wrong = wrong.scatter(rows, _wrong(case, oracle, table, rule, spans))
    first = pl.DataFrame({"place": log["place"], "wrong": wrong}).drop_nulls().unique("place", keep="first")
    found = pl.repeat(None, len(raw), dtype=pl.String, eager=True).set(torn | (outside != kept), OUTSIDE)
    return found.scatter(first["place"], first["wrong"]), outside


def _wrong(case: Case, oracle: Oracle, table: Table, rule: Rule, spans: pl.DataFrame) -> pl.Series:
    """Return what is wrong with each span, or NULL: the first of these that holds."""
    before, after, kind = spans["before"], spans["after"], spans["kind"]
    same = oracle_columns.tags(oracle, before)
    tag = spans["original_hmac"].str.decode("hex", strict=False).fill_null(b"")
    as_long = (tag.bin.size() == 32).to_numpy()
    other = ~as_long
    told = np.frombuffer(b"".join(tag.filter(pl.Series(as_long))), np.uint8).reshape(-1, 32)
    other[as_long] = (told != same[as_long]).any(axis=1)
    nothing = oracle_columns.plain(before) == oracle_columns.plain(after)
    wrong = _of_kinds(case, oracle, table, rule, spans)
    removed = after == REMOVED
    allowed = (kind == "name") | (rule.options.get("on_unknown") == "drop")
    wrong = wrong.set(removed, None).set(removed & ~allowed.fill_null(False), NOT_REMOVED)
    return wrong.set(nothing.fill_null(True), NOTHING).set(pl.Series(other), OF_ANOTHER)


def _of_kinds(case: Case, oracle: Oracle, table: Table, rule: Rule, spans: pl.DataFrame) -> pl.Series:
    """Return what is wrong with what each span became, by its kind."""
    wrong = pl.repeat(NO_KIND, len(spans), dtype=pl.String, eager=True)
    for kind in spans["kind"].drop_nulls().unique(maintain_order=True).to_list():
        rows = (spans["kind"] == kind).fill_null(False).arg_true()
        name = kind.partition(":")[0]
        if kind == "name":
            wrong = wrong.scatter(rows, _names(case, oracle, table, rule, spans[rows]))
        elif name in rule.options["modes"]:
            country = pl.repeat(kind[-2:], len(rows), eager=True)
            own = Rule(name, {"mode": rule.options["modes"][name]})
            expected, unknown = oracle_columns.mask(oracle, own, spans["before"].gather(rows), country)
            differs = unknown | expected.ne_missing(spans["after"].gather(rows))
            message = f"has a span that is not the mask of its {kind}"
            wrong = wrong.scatter(rows, pl.repeat(None, len(rows), dtype=pl.String, eager=True).set(differs, message))
    return wrong


def _names(case: Case, oracle: Oracle, table: Table, rule: Rule, spans: pl.DataFrame) -> pl.Series:
    """Return NO_NAME for spans that are no part of a name of their own person, or not its mask."""
    locale = rule.options.get("locale")
    beside = lent(case, table, locale).gather(spans["_row"]) if locale else None
    good = pl.repeat(False, len(spans), dtype=pl.Boolean, eager=True)
    part = oracle_columns.plain(spans["before"])
    for reference in rule.options.get("names_from", ()):
        names = lent(case, table, reference).gather(spans["_row"])
        expected, _ = oracle_columns.mask(oracle, Rule("name", {}), names, beside)
        whole = oracle_columns.plain(names)
        inside = pl.DataFrame({"whole": whole, "part": part}).select(
            pl.col("whole").str.contains(pl.col("part"), literal=True)
        )
        good |= (names != "") & inside.to_series() & (expected == spans["after"])
        good = good.fill_null(False)
    return pl.repeat(NO_NAME, len(spans), dtype=pl.String, eager=True).set(good, None)
