"""The report of a job: one frozen value, and the one JSON shape (`sandbox-suite/report/1`) every rendering is made of.

docs/reference/report-schema.md describes the shape; schema/report-1.json is its JSON Schema.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sandbox_suite.regression.plans import Plan, Thresholds
from sandbox_suite.regression.results import Case, Results, percentile
from sandbox_suite.regression.verdict import Judgement
from sandbox_suite.verification.model import ROWS, Verification

SCHEMA = "sandbox-suite/report/1"


@dataclass(frozen=True)
class Step:
    """A step of the job. Seconds; `started` counts from the job's start, None where it was not noted."""

    name: str
    outcome: str
    seconds: float
    started: float | None = None


@dataclass(frozen=True)
class Plugin:
    """The plugin under test. `signer` names the key its signature was verified with."""

    id: str
    version: str
    digest: str
    signer: str = ""


@dataclass(frozen=True)
class Proof:
    """That a table holds what was attested: the digest expected, and the one found by SQL in the sandbox."""

    table: str
    expected: str
    found: str


@dataclass(frozen=True)
class Dataset:
    """The dataset version. `attested`: the masking gate signed it."""

    name: str
    version: str
    digest: str
    attested: bool
    proofs: tuple[Proof, ...] = ()


@dataclass(frozen=True)
class Audit:
    """Where the audit log is, how many records it held, its head, and whether it equals what was done."""

    log: str
    records: int
    head: str
    complete: bool


@dataclass(frozen=True)
class Report:
    """All that a report tells. `environment` is an inventory: section -> name -> value."""

    job: str
    tenant: str
    created_at: str  # ISO 8601, UTC
    plan: Plan
    plugin: Plugin
    dataset: Dataset
    results: Results
    judgement: Judgement
    thresholds: Thresholds
    verification: Verification | None
    steps: Sequence[Step]
    audit: Audit
    environment: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return what report.json holds, before redaction."""
        return {
            "schema": SCHEMA,
            "job": self.job,
            "tenant": self.tenant,
            "created_at": self.created_at,
            "reason": self.reason,
            "plan": {"name": self.plan.name, "description": self.plan.description},
            "plugin": asdict(self.plugin),
            "dataset": {
                **asdict(self.dataset),
                "proofs": [{**asdict(proof), "equal": proof.found == proof.expected} for proof in self.dataset.proofs],
            },
            "verdict": self.judgement.verdict,
            "pass_rate": self.judgement.pass_rate,
            "critical_coverage": self.judgement.critical_coverage,
            "reasons": list(self.judgement.reasons),
            "thresholds": _thresholds(self.thresholds, self.judgement.measured),
            "counts": self.results.counts(),
            "latency": _latency(self.results),
            "cases": [_case(case, set(self.plan.critical)) for case in self.results.cases],
            **_verified(self.verification),
            "steps": [asdict(step) for step in self.steps],
            "audit": asdict(self.audit),
            "environment": {name: dict(section) for name, section in self.environment.items()},
        }


def _thresholds(thresholds: Thresholds, measured: Mapping[str, float | None]) -> list[dict[str, Any]]:
    lines = []
    for name, required in thresholds.asked().items():
        value = measured.get(name)
        kept = None if value is None else value <= required if name.endswith("_ms") else value >= required
        lines.append({"name": name, "required": required, "measured": value, "kept": kept})
    return lines


def _latency(results: Results) -> dict[str, Any]:
    times = results.milliseconds()
    shares = {f"p{share}_ms": percentile(times, share / 100) for share in (50, 95, 99)}
    return {"cases": len(times), **shares, "max_ms": times[-1] if times else None}


def _case(case: Case, critical: set[str]) -> dict[str, Any]:
    return {**asdict(case), "id": case.id, "critical": case.id in critical}


def _verified(verification: Verification | None) -> dict[str, Any]:
    """Return checks and rows; a row of the checklist that no check spoke of is `not checked`."""
    found = verification.as_dict() if verification else {"checks": [], "rows": {}}
    names = sorted(ROWS.keys() | found["rows"].keys())
    rows = [
        {"row": name, "title": ROWS.get(name, ""), "state": found["rows"].get(name, "not checked")} for name in names
    ]
    return {"checks": found["checks"], "rows": rows}
