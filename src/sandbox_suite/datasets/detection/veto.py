"""Vetoes wrong `keep`s: a kept column that looks like personal data stops the policy until it is masked or excepted."""

from __future__ import annotations

import datetime

import polars as pl

from sandbox_suite.core.findings import Finding, Severity
from sandbox_suite.datasets.detection.columns import detect
from sandbox_suite.datasets.policy import Policy
from sandbox_suite.datasets.sources import Source


def veto(source: Source, policy: Policy, today: datetime.date) -> list[Finding]:
    """Return a finding per kept column and kind of data that it seems to hold; an exception makes it a note."""
    excepted = {(item.column, item.finding) for item in policy.exceptions(today)}
    found = []
    for table in source.tables:
        rules = policy.rules(table)
        rows = source.read(table)
        for column in rows.column_names:
            if column not in rules or rules[column].kind != "keep":
                continue
            values = pl.Series(column, rows[column])
            for item in detect(values) if values.dtype in (pl.String, pl.Int64) else ():
                place = f"{table}.{column}"
                message = f"kept, but looks like {item.kind}: {item.evidence}"
                severity: Severity = "note" if (place, item.kind) in excepted else "error"
                found.append(Finding(severity, message, place, f"detected-{item.kind}"))
    return found
