"""A blocked dataset: what is left of it is a report for people and one for programs, and the word to its owners.

Reports name rules and rows (by key), never a value.
"""

import dataclasses
import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox_suite.core.clock import Clock, iso
from sandbox_suite.core.errors import BlockedError, SandboxError
from sandbox_suite.core.files import read_json, write_atomic, write_json
from sandbox_suite.core.findings import Finding
from sandbox_suite.core.progress import Say
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import notices, operation, trail
from sandbox_suite.datasets.notices import Notice, Told
from sandbox_suite.datasets.trail import Asker
from sandbox_suite.telemetry import counters

SHOWN = 20  # findings in the message and in the notice; the report has all
SCHEMA = "sandbox-suite/dataset-failure/1"
READABLE = ".md"


class DatasetBlockedError(BlockedError):
    """The masking gate, or the mask itself, blocked a dataset version."""

    findings: tuple[Finding, ...] = ()
    report: Path | None = None

    def __reduce__(self) -> tuple[object, ...]:
        return (*super().__reduce__(), self.__dict__)


@dataclass(frozen=True)
class Failure:
    """A dataset version that was blocked under a policy."""

    reference: str  # name@version
    policy: Mapping[str, Any]  # name, version, digest
    owners: Sequence[str]  # that the policy names
    findings: Sequence[Finding]
    current: str = ""  # name@version that stays current; empty: there is none
    checks: Sequence[Mapping[str, Any]] = ()  # of the gate, where it came to look
    seed: int | None = None  # of the gate's sample


def stopped(reference: str, error: Exception) -> list[Finding]:
    """Return what stopped the mask. An error that is not ours may quote a value: its type and place have to do."""
    if isinstance(error, SandboxError):
        return [Finding("error", line, reference, "mask-blocked") for line in error.explanation.what.splitlines()]
    return [Finding("error", f"the mask ended with {type(error).__name__}{place(error)}", reference, "mask-failed")]


def place(error: Exception) -> str:
    """Return ` at <file>:<line>` of where an error was raised."""
    frame = error.__traceback__
    while frame and frame.tb_next:
        frame = frame.tb_next
    return f" at {Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else ""


def block(failure: Failure, by: Asker, settings: Settings, say: Say, clock: Clock) -> DatasetBlockedError:
    """Export the report, raise the counter, tell the owners, record who tried it; return the error to raise.

    Nothing that fails on this way hides the block: it is told in the report, in the record and by `say`.
    """
    now = clock()
    report = export(settings.home / "datasets" / "failures", failure, by, now)
    _try(say, "the counter", lambda: _count(settings.home, failure))
    told = _tell(failure, report, by, settings, now)
    _note(report, told)
    for one in told:
        to = one.owner or "nobody"
        say(f"told {to} by {one.way}" if one.outcome == "ok" else f"could not tell {to} by {one.way}: {one.error}")
    _try(say, "the audit record", lambda: _record(failure, report, told, by, settings, clock))
    return _error(failure, report)


def export(folder: Path, failure: Failure, by: Asker, now: datetime.datetime) -> Path:
    """Write `<reference>-<time>.json` and `.md`; return the JSON's path."""
    report = folder / f"{failure.reference}-{now.astimezone(datetime.UTC):%Y%m%dT%H%M%S%f}.json"
    document = {
        "schema": SCHEMA,
        "dataset": failure.reference,
        "at": iso(now),
        "by": dataclasses.asdict(by),
        "policy": dict(failure.policy),
        "current": failure.current,
        "seed": failure.seed,
        "checks": list(failure.checks),
        "findings": [finding.as_dict() for finding in failure.findings],
        "notices": [],
    }
    write_json(report, document, mode=0o600)
    write_atomic(report.with_suffix(READABLE), _text(document).encode(), mode=0o600)
    return report


def _error(failure: Failure, report: Path) -> DatasetBlockedError:
    findings = failure.findings
    lines = [f"{item.place}: {item.message} [{item.id}]" for item in findings[:SHOWN]]
    more = [f"and {len(findings) - SHOWN} more"] if len(findings) > SHOWN else []
    stays = f"{failure.current} stays current" if failure.current else "there is no attested version yet"
    error = DatasetBlockedError(
        "\n".join([f"dataset {failure.reference} is blocked", *lines, *more]),
        left=f"the quarantine was deleted; {stays}",
        remedy=f"read {report.with_suffix(READABLE)}, correct the data or the policy, and run again",
    )
    error.findings, error.report = tuple(findings), report
    return error


def _count(home: Path, failure: Failure) -> None:
    counters.add(home, "sandbox_masking_blocked_total", labels(failure.reference, str(failure.policy["name"])))


def labels(reference: str, policy: str) -> dict[str, str]:
    """Return the labels of the counter of blocks."""
    return {"dataset": reference.partition("@")[0], "policy": policy}


def _tell(failure: Failure, report: Path, by: Asker, settings: Settings, now: datetime.datetime) -> list[Told]:
    try:
        operated = operation.load(settings.config)
    except SandboxError as error:
        return [Told("", "none", "failed", f"config/{operation.FILE}: {error.explanation.what}")]
    owners = operated.owners_of(failure.reference.partition("@")[0], list(failure.owners))
    told = notices.tell(_notice(failure, report, by, now), owners, operated, settings.home, now)
    for one in told:
        if one.outcome != "ok":
            counters.add(settings.home, "sandbox_notice_failed_total", {"owner": one.owner or "none"})
    return told


def _notice(failure: Failure, report: Path, by: Asker, now: datetime.datetime) -> Notice:
    subject = f"dataset {failure.reference} was blocked by policy {failure.policy['name']}"
    facts = {
        "schema": "sandbox-suite/dataset-blocked/1",
        "dataset": failure.reference,
        "policy": dict(failure.policy),
        "at": iso(now),
        "actor": by.actor,
        "job": by.job,
        "current": failure.current,
        "findings": [item.as_dict() for item in failure.findings[:SHOWN]],
        "count": len(failure.findings),
        "report": str(report),
    }
    text = report.with_suffix(READABLE).read_text(encoding="utf-8")
    return Notice(subject, f"{text}\nThe whole report: {report}\n", facts)


def _note(report: Path, told: Sequence[Told]) -> None:
    write_json(report, read_json(report) | {"notices": [one.as_dict() for one in told]}, mode=0o600)


def _record(failure: Failure, report: Path, told: Sequence[Told], by: Asker, settings: Settings, clock: Clock) -> None:
    details = {
        "policy": dict(failure.policy),
        "findings": len(failure.findings),
        "ids": sorted({finding.id for finding in failure.findings}),
        "current": failure.current,
        "report": report.name,
        "notices": [one.as_dict() for one in told],
    }
    trail.record(
        settings.home, by, clock, action="dataset.mask", target=failure.reference, outcome="blocked", details=details
    )


def _try(say: Say, what: str, do: Any) -> None:
    try:
        do()
    except Exception as error:
        say(f"{what} of the block could not be written: {error}")


def _text(document: Mapping[str, Any]) -> str:
    policy, by, findings = document["policy"], document["by"], document["findings"]
    asked = by["actor"] + (f", job {by['job']}" if by["job"] else "") + (f": {by['reason']}" if by["reason"] else "")
    stays = f"{document['current']} stays current" if document["current"] else "no attested version exists yet"
    facts = [
        ("blocked at", document["at"]),
        ("asked by", asked),
        ("policy", f"{policy['name']}, version {policy['version']} ({policy['digest']})"),
        ("left", f"the masked rows were deleted; {stays}"),
    ]
    lines = [
        f"# Dataset {document['dataset']} was blocked",
        *_table(("", ""), facts),
        f"## Findings: {len(findings)}",
        "Rows are named by their keys; no value is shown.",
        *_table(("where", "what", "id"), [(item["place"], item["message"], item["id"]) for item in findings]),
    ]
    if document["checks"]:
        checked = [(one["name"], f"{one['seconds']:.3f}", str(len(one["findings"]))) for one in document["checks"]]
        lines += ["## Checks", *_table(("check", "seconds", "findings"), checked)]
    lines += [
        "## What to do",
        "Correct the data (`./invoke dataset.patch`) or the policy, then `./invoke dataset.check`, and run again.",
    ]
    return "\n".join(lines) + "\n"


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    shown = [" | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows]
    return ["", f"| {' | '.join(titles)} |", "|" + "---|" * len(titles), *(f"| {row} |" for row in shown), ""]
