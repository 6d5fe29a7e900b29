"""Dates of birth: days (not moments) spread over decades, none of them recent."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from sandbox_suite.datasets.detection.counting import FEW, Look
from sandbox_suite.datasets.detection.evidence import Evidence

YEAR = "((?:19|20)[0-9]{2})"
DAY = "(?:0?[1-9]|[12][0-9]|3[01])"
MONTH = "(?:0?[1-9]|1[0-2])"
WRITTEN = (  # with the year as the only group
    rf"^{YEAR}-{MONTH}-{DAY}(?:[ T]00:00(?::00(?:\.0+)?)?Z?)?$",
    rf"^{YEAR}[./]{MONTH}[./]{DAY}$",
    rf"^{DAY}[./ \-]{{1,2}}{MONTH}[./ \-]{{1,2}}{YEAR}\.?$",
    rf"^{MONTH}[/\-]{DAY}[/\-]{YEAR}$",
    rf"^{YEAR}年{MONTH}月{DAY}日?$",
    rf"^{YEAR}{MONTH.replace('0?', '0')}{DAY.replace('0?', '0')}$",
    rf"^{DAY}\.? \p{{L}}{{3,}}\.?,? {YEAR}$",
    rf"^\p{{L}}{{3,}}\.? {DAY},? {YEAR}$",
)
MOST = 0.85  # share of values that must be dates
DECADES = 30  # years between the fifth and the ninety-fifth hundredth
BEFORE = 2015  # that ninety-fifth hundredth: those who buy, work or pay are older


def births(look: Look) -> Iterator[Evidence]:
    """Yield what says that a column holds dates of birth."""
    years = _years(look)
    if len(years) < max(FEW, MOST * len(look.distinct)):
        return
    first, last = int(years.quantile(0.05) or 0), int(years.quantile(0.95) or 0)
    if last - first >= DECADES and last <= BEFORE and _every_day(look):
        note = f"nine in ten lie within {last - first} years"
        hits = look.scaled(len(years) / len(look.distinct))
        yield Evidence("date_of_birth", "spread", "days over decades, none of them recent", hits, look.values, note)


def are_days(look: Look) -> bool:
    """Say whether a column holds days at all."""
    return len(look.distinct) > 0 and len(_years(look)) >= MOST * len(look.distinct)


def _years(look: Look) -> pl.Series:
    found = pl.coalesce(pl.col("text").str.extract(pattern, 1) for pattern in WRITTEN)
    frame = look.distinct.rename("text").to_frame()
    return frame.select(found).to_series().drop_nulls().cast(pl.Int64)


def _every_day(look: Look) -> bool:
    """Say whether days are spread over the month: first and last days of months are not births."""
    days = look.distinct.str.extract(rf"^{YEAR}-{MONTH}-({DAY})(?:[ T]|$)", 2).drop_nulls()
    return len(days) < FEW or days.n_unique() > 12 or days.n_unique() > len(days) / 2
