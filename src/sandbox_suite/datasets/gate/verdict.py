"""What a gate run is asked, and what it says: per check what it found, and an attestation or findings."""

import datetime
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sandbox_suite.core.findings import Finding

EVIDENCE = 20  # rows shown per finding

# Every check, in the order they run. One that is missing in a verdict blocks.
CHECKS = (
    "policy covers schema",
    "files",
    "rows and keys",
    "nulls and uniqueness",
    "no identity",
    "codomain",
    "kept columns",
    "spans recomputed",
    "detector",
    "values of the own row",
    "values of any row",
    "names",
    "decoded text",
    "rows recomputed",
    "table constraints",
)


@dataclass(frozen=True)
class Request:
    """What a run looks at."""

    raw: Path  # a raw version: manifest.json, tables/
    quarantine: Path
    policy: Path
    seed: int  # of the random sample
    now: datetime.datetime
    cache_key: str


@dataclass(frozen=True)
class Evidence:
    """One row of a finding: its key, and an HMAC of the value; never the value."""

    key: str  # such as `customer_id=17`
    hmac: str  # 16 hex digits, under a key of the gate's own


@dataclass(frozen=True)
class GateFinding:
    """Something that blocks. `kind` is what a policy's exception names."""

    kind: str
    column: str  # `table.column`, or `table`
    rule: str  # `keep`, the kind of mask, or empty
    message: str
    count: int = 1
    evidence: tuple[Evidence, ...] = ()

    def as_finding(self) -> Finding:
        """Return the finding as the rest of the program shows it."""
        keys = ", ".join(item.key for item in self.evidence[:5])
        shown = f" (rows {keys}{', ...' if self.count > 5 else ''})" if keys else ""
        return Finding("error", f"{self.message}{shown}", self.column, f"gate-{self.kind}")


@dataclass(frozen=True)
class CheckOutcome:
    """One check: how long it took, what it found, and how many findings an exception of the policy covers."""

    name: str
    seconds: float
    findings: tuple[GateFinding, ...] = ()
    excepted: int = 0


@dataclass(frozen=True)
class Verdict:
    """The whole outcome. `manifest` and `attestation` are there exactly when every check ran and found nothing."""

    checks: tuple[CheckOutcome, ...]
    seed: int
    rows: int = 0
    manifest: Mapping[str, Any] | None = None
    attestation: Mapping[str, Any] | None = None
    exceptions: tuple[Mapping[str, Any], ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether the gate signed."""
        return self.manifest is not None and self.attestation is not None and not self.findings

    @property
    def findings(self) -> list[GateFinding]:
        """Return the findings of every check."""
        return [finding for check in self.checks for finding in check.findings]

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as JSON."""
        return asdict(self)


def from_dict(document: Any) -> Verdict:
    """Return the verdict that a gate wrote; ValueError, KeyError or TypeError where it is garbled."""
    checks = tuple(_check(item) for item in document["checks"])
    return Verdict(
        checks,
        int(document["seed"]),
        int(document["rows"]),
        document["manifest"],
        document["attestation"],
        tuple(document["exceptions"]),
    )


def blocked(kind: str, message: str, place: str = "gate") -> Verdict:
    """Return the verdict of a gate that could not say anything itself."""
    return Verdict((CheckOutcome("gate", 0.0, (GateFinding(kind, place, "", message),)),), 0)


def _check(item: Mapping[str, Any]) -> CheckOutcome:
    findings = tuple(
        GateFinding(**{**found, "evidence": tuple(Evidence(**row) for row in found["evidence"])})
        for found in item["findings"]
    )
    return CheckOutcome(str(item["name"]), float(item["seconds"]), findings, int(item["excepted"]))
