"""The JSON object of a run (`sandbox-suite/run/1`): what `sandbox.run --json` prints and other programs hold on to.

schema/run-1.json is its JSON Schema; within version 1 keys are added, never removed or given another meaning.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from sandbox_suite.core.errors import SandboxError

SCHEMA = "sandbox-suite/run/1"
COUNTED = ("passed", "flaky", "failed", "error", "skipped")
PLUGIN = ("id", "version", "digest")
DATASET = ("name", "version", "digest", "attested")
REPORT = ("json", "junit", "html", "summary", "failure")
AUDIT = ("log", "records", "head")
STEP = ("name", "outcome", "seconds")


@dataclass(frozen=True)
class RunObject:
    """A run, told. Unknown facts are None; a list or count without facts is empty or 0."""

    job: str | None  # None: the request was refused before a job was made
    tenant: str | None
    plan: str | None
    plugin: Mapping[str, Any]
    dataset: Mapping[str, Any]
    verdict: str | None  # None: no verdict was reached
    pass_rate: float | None  # 0..1; flaky cases count as passed
    critical_coverage: float | None  # 0..1
    cases: Mapping[str, int]
    flaky: Sequence[str]  # ids of the cases that passed only on a later attempt
    steps: Sequence[Mapping[str, Any]]
    setup: Sequence[str]  # what was prepared on this machine; empty when nothing was
    seconds: float
    report: Mapping[str, str | None]
    audit: Mapping[str, Any]
    sandbox: Mapping[str, Any]
    error: Mapping[str, str] | None
    schema: str = SCHEMA

    def as_dict(self) -> dict[str, Any]:
        """Return the object as it is printed, `schema` first."""
        return {"schema": self.schema} | {
            field.name: getattr(self, field.name) for field in fields(self) if field.name != "schema"
        }


def build(
    *,
    job: str | None,
    tenant: str | None,
    plan: str | None,
    plugin: Mapping[str, Any] | None = None,
    dataset: Mapping[str, Any] | None = None,
    verdict: str | None = None,
    pass_rate: float | None = None,
    critical_coverage: float | None = None,
    cases: Mapping[str, int] | None = None,
    flaky: Sequence[str] = (),
    steps: Iterable[Mapping[str, Any]] = (),
    setup: Sequence[str] = (),
    seconds: float = 0.0,
    report: Mapping[str, Path | str] | None = None,
    audit: Mapping[str, Any] | None = None,
    kept: bool = False,
    expires_at: str | None = None,
    error: SandboxError | Mapping[str, str] | None = None,
) -> RunObject:
    """Return the object of a run from what the job knows; keys that the schema does not have are left out."""
    paths = {name: str(path) for name, path in (report or {}).items()}
    return RunObject(
        job=job,
        tenant=tenant,
        plan=plan,
        plugin=_only(PLUGIN, plugin),
        dataset=_only(DATASET, dataset) | {"attested": bool((dataset or {}).get("attested"))},
        verdict=verdict or None,
        pass_rate=pass_rate,
        critical_coverage=critical_coverage,
        cases={name: int((cases or {}).get(name, 0)) for name in COUNTED},
        flaky=list(flaky),
        steps=[_only(STEP, step) for step in steps],
        setup=list(setup),
        seconds=round(seconds, 3),
        report=_only(REPORT, paths),
        audit=_only(AUDIT, audit) | {"records": int((audit or {}).get("records") or 0)},
        sandbox={"kept": kept, "expires_at": (expires_at or None) if kept else None},
        error=_error(error),
    )


def _only(keys: Sequence[str], given: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key: (given or {}).get(key) for key in keys}


def _error(error: SandboxError | Mapping[str, str] | None) -> dict[str, str] | None:
    if error is None:
        return None
    said = asdict(error.explanation) if isinstance(error, SandboxError) else error
    return {key: said.get(key, "") for key in ("what", "left", "remedy")}
