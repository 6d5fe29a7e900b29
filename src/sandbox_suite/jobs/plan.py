"""Plan, then apply: what a request means. `look` touches nothing; `admit` does exactly what it found."""

import contextlib
import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.findings import Finding, errors
from sandbox_suite.core.settings import CHECKOUT, Settings
from sandbox_suite.jobs import entry, policies, policy_store
from sandbox_suite.jobs.model import STEPS, Request

if TYPE_CHECKING:
    from sandbox_suite.regression.plans import Plan

Found = TypeVar("Found")
# A policy that does not cover the data is for the gate to block, in a job, so that the audit knows who tried what.
GATE = "policy-"
DOES = {
    "admit": "check flags, permission, plan, plugin and its signature",
    "dataset": "mask and gate the dataset where it is not attested yet; build its golden database",
    "provision": "create network, database, plugin host and runner",
    "deploy": "create the plugin's role and schema, run its migrations, start it",
    "load": "prove the dataset's digest, load fixtures, grant what the plan allows",
    "verify": "prove the sandbox and the plugin checklist",
    "regress": "run the suites inside the sandbox's network",
    "collect": "fetch results, logs and metrics",
    "report": "judge, write report.json, junit.xml and report.html",
    "destroy": "remove the sandbox",
}


@dataclass(frozen=True)
class Look:
    """What a request would do, and what stops it."""

    request: Request
    findings: list[Finding]
    creates: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    places: list[Path] = field(
        default_factory=list
    )  # files and folders that the request names, or that it names in turn

    @property
    def mistakes(self) -> list[Finding]:
        """Return what is wrong with the request itself: it is refused."""
        return [finding for finding in errors(self.findings) if not finding.id.startswith(GATE)]

    @property
    def exit_code(self) -> int:
        """Return what a run would end with by these findings alone: 2 refused, 3 blocked by the gate, 0 neither."""
        return 2 if self.mistakes else 3 if errors(self.findings) else 0

    def as_dict(self) -> dict[str, Any]:
        """Return the look as JSON."""
        return {
            "schema": "sandbox-suite/plan/1",
            "plan": self.request.plan,
            "tenant": self.request.tenant,
            "versions": self.versions,
            "steps": [{"name": step, "does": DOES[step]} for step in self._steps()],
            "creates": self.creates,
            "findings": [finding.as_dict() for finding in self.findings],
        }

    def lines(self) -> list[str]:
        """Return the look as a person reads it."""
        lines = [f"plan {self.request.plan}, tenant {self.request.tenant}: nothing is touched"]
        lines += [f"  {name:<8} {value}" for name, value in self.versions.items()]
        lines += ["steps", *(f"  {step:<10} {DOES[step]}" for step in self._steps())]
        lines += ["would create", *(f"  {line}" for line in self.creates)] if self.creates else []
        return lines + (
            ["findings", *(f"  {finding}" for finding in self.findings)] if self.findings else ["no findings"]
        )

    def _steps(self) -> list[str]:
        return [step for step in STEPS if not (step == "destroy" and self.request.keep)]


class _Looker:
    """Collects every mistake instead of stopping at the first."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def take(self, place: str, finding_id: str, get: Callable[[], Found]) -> Found | None:
        """Return what `get` gives, or None and a finding where the request is wrong there."""
        try:
            return get()
        except RequestError as error:
            hint = f" ({error.explanation.remedy})" if error.explanation.remedy else ""
            self.findings.append(Finding("error", f"{error.explanation.what}{hint}", place, finding_id))
            return None


def look(settings: Settings, request: Request, now: datetime.datetime) -> Look:
    """Look at a request at the time `now`: versions, what would be created, and every finding at once."""
    from sandbox_suite.datasets import versions as dataset_versions
    from sandbox_suite.plugins import catalog
    from sandbox_suite.regression import plans, suites

    looker = _Looker()
    rules: policies.ResourcePolicies | None = None
    versions: dict[str, str] = {}
    looker.findings += entry.check(settings, request)
    with contextlib.suppress(RequestError):  # told by `entry`
        rules = policy_store.current(settings).rules
    plan = looker.take("plan", "unknown-plan", lambda: plans.load().get(request.plan))
    if plan:
        looker.take("thresholds", "bad-threshold", lambda: plans.thresholds(plan, request.thresholds))
        mistakes, named = suites.look(plan)
        looker.findings += mistakes + suites.needs(named, settings.runner_packages)
        found, facts = catalog.look(request.plugin or plan.plugin, settings)
        looker.findings += found
        if facts:
            versions["plugin"] = f"{facts.id}@{facts.version}"
        asked = request.dataset or plan.dataset
        dataset = looker.take("dataset", "bad-dataset", lambda: dataset_versions.resolve(asked, settings))
        if dataset:
            looks = looker.take("dataset", "bad-dataset", lambda: _dataset(plan, dataset, settings))
            looker.findings += looks or []
        versions["dataset"] = dataset or asked
    creates = looker.take("sandbox", "bad-spec", lambda: _creates(settings, request, rules, now)) if rules else None
    return Look(request, looker.findings, creates or [], versions, _places(request, plan, settings))


def _places(request: Request, plan: "Plan | None", settings: Settings) -> list[Path]:
    from sandbox_suite.datasets import places
    from sandbox_suite.regression import plans

    found = [plans.config_file(), *places.folders(settings)]
    if plan:
        found += [CHECKOUT / plan.policy, Path(request.plugin or plan.plugin).expanduser()]
        found += [*(CHECKOUT / suite for suite in plan.suites), *plan.fixture_files().values()]
    return found


def _dataset(plan: "Plan", reference: str, settings: Settings) -> list[Finding]:
    from sandbox_suite.datasets import places, prepare

    found = prepare.look(reference, CHECKOUT / plan.policy, settings)
    if plan.fixtures:
        from sandbox_suite.datasets import fixtures

        found += fixtures.look(plan.fixture_files(), places.find(reference, settings).tables)
    return found


def _creates(
    settings: Settings, request: Request, rules: policies.ResourcePolicies, now: datetime.datetime
) -> list[str]:
    from sandbox_suite.stacks.spec import describe

    return describe(stack_spec(settings, request, rules, "job", "installation", now, {}))


def stack_spec(
    settings: Settings,
    request: Request,
    rules: policies.ResourcePolicies,
    job: str,
    installation: str,
    now: datetime.datetime,
    images: dict[str, str],
) -> Any:
    """Return the StackSpec of a job; `images` wins over the built ones (the database's golden image)."""
    from sandbox_suite.core.clock import iso
    from sandbox_suite.stacks.spec import PartLimits, StackSpec, check
    from sandbox_suite.toolchain.images import references

    parts: dict[str, PartLimits] = {part: _limits(PartLimits, policy) for part, policy in rules.parts.items()}
    built: dict[str, str] = {part: reference for part, reference in references().items() if part in parts}
    spec = StackSpec(
        job=job,
        tenant=request.tenant,
        installation=installation,
        expires_at=iso(now + datetime.timedelta(seconds=settings.lease_seconds)),
        images={**built, **images},
        parts=parts,
    )
    check(spec)
    return spec


def _limits(kind: Any, policy: policies.PartPolicy) -> Any:
    values = policy.model_dump()
    return kind(**{**values, "cap_drop": tuple(values["cap_drop"])})
