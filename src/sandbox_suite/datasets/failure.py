"""What is left of a blocked dataset: a report for people and one for programs. It names rows by key, never a value."""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox_suite.core.clock import iso
from sandbox_suite.core.errors import BlockedError
from sandbox_suite.core.files import write_atomic, write_json
from sandbox_suite.core.findings import Finding

SHOWN = 20  # findings in the message; the report has all


class DatasetBlockedError(BlockedError):
    """The masking gate, or the mask itself, blocked a dataset version."""

    findings: tuple[Finding, ...] = ()
    report: Path | None = None

    def __reduce__(self) -> tuple[object, ...]:
        return (*super().__reduce__(), self.__dict__)


def blocked(
    folder: Path, reference: str, findings: Sequence[Finding], facts: dict[str, Any], now: datetime.datetime
) -> DatasetBlockedError:
    """Export the failure report of `reference` into `folder` and return the error to raise."""
    report = export(folder, reference, findings, facts, now)
    lines = [f"{item.place}: {item.message} [{item.id}]" for item in findings[:SHOWN]]
    more = [f"and {len(findings) - SHOWN} more"] if len(findings) > SHOWN else []
    kept = facts.get("current")
    error = DatasetBlockedError(
        "\n".join([f"dataset {reference} is blocked", *lines, *more]),
        left="the quarantine was deleted; " + (f"{kept} stays current" if kept else "there is no attested version yet"),
        remedy=f"read {report.with_suffix('.txt')}, correct the data or the policy, and run again",
    )
    error.findings, error.report = tuple(findings), report
    return error


def export(
    folder: Path, reference: str, findings: Sequence[Finding], facts: dict[str, Any], now: datetime.datetime
) -> Path:
    """Write `<reference>-<time>.json` and `.txt`; return the JSON's path."""
    name = f"{reference}-{now.astimezone(datetime.UTC):%Y%m%dT%H%M%S%f}"
    report = folder / f"{name}.json"
    document = {
        "schema": "sandbox-suite/dataset-failure/1",
        "dataset": reference,
        "at": iso(now),
        **facts,
        "findings": [finding.as_dict() for finding in findings],
    }
    write_json(report, document, mode=0o600)
    write_atomic(report.with_suffix(".txt"), _text(document, findings).encode(), mode=0o600)
    return report


def _text(document: dict[str, Any], findings: Sequence[Finding]) -> str:
    policy = document["policy"]
    lines = [
        f"Dataset {document['dataset']} was blocked at {document['at']}.",
        f"Policy: {policy['name']}, version {policy['version']} ({policy['digest']})",
        "The masked rows were deleted. "
        + (f"{document['current']} stays current." if document["current"] else "No attested version exists yet."),
        "",
        f"{len(findings)} findings (rows by their keys; no value is shown):",
        *(f"  {finding}" for finding in findings),
        "",
        "Checks:",
        *(
            f"  {check['name']:<24} {check['seconds']:8.3f} s  {len(check['findings'])} findings"
            for check in document["checks"]
        ),
    ]
    return "\n".join(lines) + "\n"
