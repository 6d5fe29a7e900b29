"""The validation report of a dataset version: what was asked of it, what the gate looked at, what it found.

One JSON shape (`sandbox-suite/dataset-validation/1`, docs/guides/gate.md) and a page made of
it. It names rules, rows by their keys, and values by an HMAC; never a value.
"""

import datetime
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sandbox_suite.core.clock import iso
from sandbox_suite.core.files import canonical, digest, write_atomic, write_json
from sandbox_suite.core.findings import Finding
from sandbox_suite.datasets.gate.verdict import CHECKS, CheckOutcome, GateFinding, Verdict
from sandbox_suite.datasets.policy import Policy, Rule
from sandbox_suite.datasets.sources import Column

SCHEMA = "sandbox-suite/dataset-validation/1"
FILES = ("validation.json", "validation.html")
ABOUT = {  # what each check of the gate asks
    "policy covers schema": "Every column has a rule, and the masker used this policy, key, kernel and these rules",
    "files": "Every file is the one that the masker named, and there is no other",
    "rows and keys": "No row is missing or moved; keys are whole, unique and lead somewhere",
    "nulls and uniqueness": "NULLs stand where they stood; equal values stay equal, different ones different",
    "no identity": "No masked value is its original, in any spelling",
    "codomain": "Every masked value is one that its mask can give",
    "kept columns": "Kept values are unchanged and inside their constraint",
    "spans recomputed": "Every span that the masker logged in free text is recomputed; nothing else changed",
    "detector": "No kept column and no free text has the shape of personal data",
    "values of the own row": "No row shows a value of its own person",
    "values of any row": "No text holds an identifier or address of anybody, wherever in it",
    "names": "No text holds anybody's full name; no free text a longer part of the own person's",
    "decoded text": "The same, in what base64, hex, percent signs and escapes hide",
    "rows recomputed": "A random sample, and all that looks suspicious, is recomputed value by value",
    "table constraints": "Types, NULLs and primary keys hold in every masked table",
}


@dataclass(frozen=True)
class Subject:
    """What was validated. `columns`: of the raw tables, where they could be read."""

    reference: str  # name@version
    policy: Policy
    source_digest: str
    kernel: str
    key_fingerprint: str
    columns: Mapping[str, Mapping[str, Column]]


def document(
    subject: Subject, findings: Sequence[Finding], verdict: Verdict | None, now: datetime.datetime
) -> dict[str, Any]:
    """Return the report; `findings` are what stopped the version before the gate looked, where `verdict` is None."""
    checks = _checks(verdict)
    found = [*_found(verdict)] if verdict else [_stopped(item) for item in findings]
    tables = [_table(subject, name) for name in subject.policy.document.tables]
    signed = bool(verdict and verdict.passed)
    return {
        "schema": SCHEMA,
        "dataset": subject.reference,
        "at": iso(now),
        "outcome": "passed" if signed and not findings else "blocked",
        "policy": {
            "name": subject.policy.name,
            "version": subject.policy.version,
            "digest": subject.policy.digest,
            "key": subject.policy.key.id,
        },
        "digests": {"source": subject.source_digest, **_digests(verdict)},
        "kernel": subject.kernel,
        "key_fingerprint": subject.key_fingerprint,
        "seed": verdict.seed if verdict and verdict.checks[0].name in CHECKS else None,
        "rows": verdict.rows if verdict else 0,
        "counts": _counts(tables, checks, found),
        "tables": tables,
        "checks": checks,
        "findings": found,
        "exceptions": _exceptions(subject.policy, verdict, now.date()),
        "attestation": _attestation(verdict),
    }


def keep(folder: Path, report: Mapping[str, Any]) -> tuple[Path, Path]:
    """Write `validation.json` and `validation.html` into `folder`, and return their paths."""
    from sandbox_suite.datasets import validation_page

    paths = folder / FILES[0], folder / FILES[1]
    write_json(paths[0], report, mode=0o600)
    write_atomic(paths[1], validation_page.html(report).encode(), mode=0o600)
    return paths


def _checks(verdict: Verdict | None) -> list[dict[str, Any]]:
    ran = {check.name: check for check in verdict.checks} if verdict else {}
    return [_check(name, ran.get(name)) for name in dict.fromkeys([*CHECKS, *ran])]


def _check(name: str, ran: CheckOutcome | None) -> dict[str, Any]:
    outcome = "not run" if ran is None else "blocked" if ran.findings else "passed"
    return {
        "name": name,
        "about": ABOUT.get(name, "The gate came back with a whole verdict of its own"),
        "outcome": outcome,
        "seconds": ran.seconds if ran else None,
        "findings": len(ran.findings) if ran else 0,
        "excepted": ran.excepted if ran else 0,
    }


def _found(verdict: Verdict) -> Iterable[dict[str, Any]]:
    for check in verdict.checks:
        for finding in check.findings:
            yield _finding(check.name, finding)


def _finding(check: str, finding: GateFinding) -> dict[str, Any]:
    return {
        "id": finding.as_finding().id,
        "check": check,
        "place": finding.column,
        "rule": finding.rule,
        "message": finding.message,
        "count": finding.count,
        "rows": [asdict(item) for item in finding.evidence],
    }


def _stopped(finding: Finding) -> dict[str, Any]:
    """Return what stopped the version before the gate."""
    place = {"id": finding.id, "check": "before the gate", "place": finding.place, "rule": ""}
    return {**place, "message": finding.message, "count": 1, "rows": []}


def _table(subject: Subject, name: str) -> dict[str, Any]:
    there = subject.columns.get(name, {})
    rules = subject.policy.rules(name)
    rows = subject.policy.rows[name]
    columns = [_column(rule, there.get(column)) for column, rule in rules.items()]
    columns += [
        {"column": column, "type": item.type, "rule": "denied", "details": "", "why": "the policy has no rule"}
        for column, item in there.items()
        if column not in rules
    ]
    return {"table": name, "rows": {"min": rows.min, "max_drop": rows.max_drop}, "columns": columns}


def _column(rule: Rule, there: Column | None) -> dict[str, Any]:
    return {
        "column": rule.column,
        "type": there.type if there else None,
        "rule": rule.kind,
        "details": "; ".join(_said(rule)),
        "why": rule.options.get("why", "") if rule.kind == "keep" else "",
    }


def _said(rule: Rule) -> Iterable[str]:
    """Give the options of a rule that say more than their absence would."""
    for name, value in rule.options.items():
        if value is True:
            yield name
        elif name != "why" and value not in (None, False, {}, []) and not (name == "domain" and value == rule.kind):
            yield f"{name}: {_spelled(value)}"


def _spelled(value: Any) -> str:
    """Spell an option of a rule as the policy file would, on one line."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ", ".join(map(_spelled, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_spelled(item)}" for name, item in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)


def _counts(
    tables: Sequence[Mapping[str, Any]], checks: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    rules = Counter(column["rule"] for table in tables for column in table["columns"])
    return {
        "tables": len(tables),
        "columns": sum(rules.values()),
        "rules": dict(sorted(rules.items())),
        "checks": len(checks),
        "checks_passed": sum(check["outcome"] == "passed" for check in checks),
        "findings": len(found),
        "excepted": sum(check["excepted"] for check in checks),
        "seconds": round(sum(check["seconds"] or 0 for check in checks), 3),
    }


def _exceptions(policy: Policy, verdict: Verdict | None, today: datetime.date) -> list[dict[str, Any]]:
    """Return every exception of the policy, and whether it was used; an expired one is denied like no exception."""
    used = [(item["column"], item["finding"]) for item in verdict.exceptions] if verdict else []
    listed = []
    for item in policy.document.exceptions:
        taken = (item.column, item.finding) in used
        state = "expired" if item.until < today else "used" if taken else "not used"
        listed.append({**item.model_dump(mode="json"), "state": state})
    return listed


def _digests(verdict: Verdict | None) -> dict[str, str | None]:
    manifest = verdict.manifest if verdict else None
    if manifest is None:
        return {"masked": None, "manifest": None}
    return {"masked": str(manifest["digest"]), "manifest": digest(canonical(manifest))}


def _attestation(verdict: Verdict | None) -> dict[str, Any] | None:
    signed = verdict.attestation if verdict and verdict.passed else None
    if signed is None:
        return None
    return {"key_id": signed["key_id"], "at": signed["body"]["at"], "expires_at": signed["body"]["expires_at"]}
