"""The report of a job: one frozen value, and the one JSON shape (`sandbox-suite/report/1`) every rendering is made of.

docs/reference/report-schema.md describes the shape; schema/report-1.json is its JSON Schema.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sandbox_suite.regression.performance.judging import Performance
from sandbox_suite.regression.plans import MINIMUMS, Plan, Thresholds
from sandbox_suite.regression.results import Case, Results, percentile
from sandbox_suite.regression.verdict import Judgement
from sandbox_suite.reports.checklist import Row
from sandbox_suite.reports.facts import Baseline, Fact, Place, Resource, Statement, Step, SuiteRun
from sandbox_suite.verification.model import Verification

SCHEMA = "sandbox-suite/report/1"
NOWHERE = Place(0, 0)  # a suite's own trouble stands nowhere among its cases


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
class Evidence:
    """What was collected beside the results. Logs: case id -> the plugin's lines about the case's requests."""

    suites: tuple[SuiteRun, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)
    plugin_logs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    resources: tuple[Resource, ...] = ()
    statements: tuple[Statement, ...] = ()
    inventory: tuple[Fact, ...] = ()
    baseline: Baseline | None = None


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
    evidence: Evidence = field(default_factory=Evidence)
    performance: Performance | None = None
    checklist: tuple[Row, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return what report.json holds, before redaction."""
        return {
            "schema": SCHEMA,
            "job": self.job,
            "tenant": self.tenant,
            "created_at": self.created_at,
            "reason": self.reason,
            "plan": {
                "name": self.plan.name,
                "description": self.plan.description,
                "critical": list(self.plan.critical),
            },
            "plugin": asdict(self.plugin),
            "dataset": {
                **asdict(self.dataset),
                "proofs": [{**asdict(proof), "equal": proof.found == proof.expected} for proof in self.dataset.proofs],
            },
            **self._judged(),
            "counts": self.results.counts(),
            "latency": _latency(self.results),
            "notes": list(self.results.notes),
            "suites": [asdict(suite) for suite in self.evidence.suites],
            "cases": self._cases(),
            "checks": [asdict(check) for check in self.verification.checks] if self.verification else [],
            "rows": [_row(row) for row in self.checklist],
            "steps": [asdict(step) for step in self.steps],
            "audit": asdict(self.audit),
            **_evidence(self.evidence),
            "performance": self.performance.as_dict() if self.performance else None,
            "environment": {name: dict(section) for name, section in self.environment.items()},
        }

    def _judged(self) -> dict[str, Any]:
        return {
            "verdict": self.judgement.verdict,
            "pass_rate": self.judgement.pass_rate,
            "critical_coverage": self.judgement.critical_coverage,
            "reasons": list(self.judgement.reasons),
            "thresholds": _thresholds(self.thresholds, self.judgement.measured),
        }

    def _cases(self) -> list[dict[str, Any]]:
        critical = set(self.plan.critical)
        return [
            {
                **_shallow(case),
                "id": case.id,
                "critical": case.id in critical,
                **_shallow(self.evidence.places.get(case.id) or NOWHERE),
                "plugin_log": list(self.evidence.plugin_logs.get(case.id, ())),
            }
            for case in self.results.cases
        ]


def _shallow(value: Case | Place) -> dict[str, Any]:
    """Return a value's fields; `asdict` would copy each of them deeply, which takes ten times as long."""
    return {item.name: getattr(value, item.name) for item in fields(value)}


def _thresholds(thresholds: Thresholds, measured: Mapping[str, float | None]) -> list[dict[str, Any]]:
    lines = []
    for name, required in thresholds.absolute().items():
        value = measured.get(name)
        kept = None if value is None else value >= required if name in MINIMUMS else value <= required
        lines.append({"name": name, "required": required, "measured": value, "kept": kept})
    return lines


def _latency(results: Results) -> dict[str, Any]:
    times = results.milliseconds()
    shares = {f"p{share}_ms": percentile(times, share / 100) for share in (50, 95, 99)}
    return {"cases": len(times), **shares, "max_ms": times[-1] if times else None}


def _row(row: Row) -> dict[str, Any]:
    proofs = [{"source": proof.source, "state": proof.state, "says": proof.says} for proof in row.proofs]
    return {"row": row.row, "title": row.title, "state": row.state, "proofs": proofs}


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "resources": [asdict(item) for item in evidence.resources],
        "statements": [asdict(item) for item in evidence.statements],
        "baseline": evidence.baseline.as_dict() if evidence.baseline else None,
        "inventory": [fact.as_dict() for fact in evidence.inventory],
    }
