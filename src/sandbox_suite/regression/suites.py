"""Suites: a folder with `suite.yaml` and scripts in any language. docs/guides/suites.md is the contract."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sandbox_suite.core import documents, findings
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.findings import Finding
from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.regression.plans import Plan

MANIFEST = "suite.yaml"


class Manifest(BaseModel):
    """What `suite.yaml` says. `cases` are the cases the suite promises; one without a result is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    language: Literal["python", "node", "bash", "other"]
    run: Annotated[list[str], Field(min_length=1)]  # an argument vector, run inside the suite's folder; no shell
    timeout_seconds: Annotated[int, Field(ge=1, le=86400)] = 60
    retries: Annotated[int, Field(ge=0, le=10)] = 0  # attempts after the first that count
    cases: list[Annotated[str, Field(min_length=1)]] = []


@dataclass(frozen=True)
class Suite:
    """A suite and where it stands."""

    manifest: Manifest
    folder: Path

    @property
    def name(self) -> str:
        """Return the suite's name: the first half of its cases' ids."""
        return self.manifest.name

    def ids(self) -> list[str]:
        """Return the ids of the declared cases."""
        return [f"{self.name}/{case}" for case in self.manifest.cases]

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "Suite":
        """Read a suite back from plan.json."""
        return cls(
            Manifest.model_validate({key: value[key] for key in value if key != "folder"}), Path(value["folder"])
        )

    def as_dict(self) -> dict[str, object]:
        """Return what plan.json holds of the suite: the manifest, and its folder."""
        return {**self.manifest.model_dump(), "folder": str(self.folder)}


def load(folder: Path) -> Suite:
    """Return the suite in `folder`; a RequestError names every mistake."""
    return Suite(documents.load(folder / MANIFEST, Manifest, "suite's manifest"), folder)


def of_plan(plan: Plan, root: Path = CHECKOUT) -> tuple[Suite, ...]:
    """Return the suites of a plan; a RequestError names every mistake of all of them at once."""
    found, suites = look(plan, root)
    wrong = findings.errors(found)
    if wrong:
        raise RequestError(
            "\n".join(f"{item.place}: {item.message}" for item in wrong),
            remedy=f"correct plan `{plan.name}` or its suites",
        )
    return suites


def look(plan: Plan, root: Path = CHECKOUT) -> tuple[list[Finding], tuple[Suite, ...]]:
    """Look at a plan's suites: (findings, the suites that can be used)."""
    found: list[Finding] = []
    suites: list[Suite] = []
    for name in plan.suites:
        mistakes, manifest = documents.check(root / name / MANIFEST, Manifest)
        found += [Finding(item.severity, item.message, f"{name}/{item.place}", item.id) for item in mistakes]
        if manifest:
            suites.append(Suite(manifest, root / name))
    return found + _twins(suites) + (_unknown_critical(plan, suites) if not found else []), tuple(suites)


def _twins(suites: Sequence[Suite]) -> list[Finding]:
    names = [suite.name for suite in suites]
    return [
        Finding("error", f"two suites are called `{name}`", MANIFEST, "suite-name-twice")
        for name in sorted({name for name in names if names.count(name) > 1})
    ]


def _unknown_critical(plan: Plan, suites: Sequence[Suite]) -> list[Finding]:
    """A critical case must be declared, unless its suite declares none: else a misspelt one is never missed."""
    by_name = {suite.name: suite for suite in suites}
    found = []
    for case in plan.critical:
        suite = by_name.get(case.partition("/")[0])
        if suite is None or (suite.manifest.cases and case not in suite.ids()):
            message = f"critical case `{case}` is declared by no suite of the plan"
            found.append(Finding("error", message, f"plan {plan.name}", "critical-case-unknown"))
    return found
