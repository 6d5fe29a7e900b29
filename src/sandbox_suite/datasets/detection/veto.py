"""Vetoes wrong `keep`s: a kept column that looks like personal data stops the policy until it is masked or excepted."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from sandbox_suite.core.findings import Finding, Severity
from sandbox_suite.datasets.detection.columns import observe
from sandbox_suite.datasets.detection.counting import Look
from sandbox_suite.datasets.detection.evidence import Evidence
from sandbox_suite.datasets.detection.tables import see
from sandbox_suite.datasets.policy import Policy
from sandbox_suite.datasets.sources import Source


def veto(source: Source, policy: Policy, today: datetime.date) -> list[Finding]:
    """Return a finding per kept column and kind of data that it seems to hold; an exception makes it a note."""
    found = []
    for table in source.tables:
        rules = policy.rules(table)
        kept = [column for column, rule in rules.items() if rule.kind == "keep"]
        if kept:
            seen = see(source.batches(table), kept)
            found += [
                item
                for column in kept
                if column in seen.columns
                for item in kept_findings(f"{table}.{column}", seen.columns[column], policy, today)
            ]
    return found


def kept_findings(place: str, seen: Look, policy: Policy, today: datetime.date) -> Iterator[Finding]:
    """Yield what speaks against keeping one column."""
    excepted = {(item.column, item.finding) for item in policy.exceptions(today)}
    for kind, item in against(seen).items():
        severity: Severity = "note" if (place, kind) in excepted else "error"
        yield Finding(severity, f"kept, but looks like {item}", place, f"detected-{kind}")


def against(seen: Look) -> dict[str, Evidence]:
    """Return the strongest evidence of each kind that the values of a column give."""
    found: dict[str, Evidence] = {}
    for item in sorted(observe(seen), key=lambda item: -item.hits):
        if item.strong and item.how != "structure":
            found.setdefault(item.kind, item)
    return found
