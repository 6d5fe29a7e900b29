"""Suites: a folder with `suite.yaml` and scripts in any language. docs/reference/suite-contract.md is the contract."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from sandbox_suite.core import documents, findings
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.findings import Finding
from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.regression import reading
from sandbox_suite.regression.plans import Plan

MANIFEST = "suite.yaml"
TABLE = "requests.yaml"


def _inside(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/"):
        raise ValueError("a path inside the suite's folder is needed")
    return path


JAVA = "the runner has no Java unless `runner_packages` names it: set it to openjdk-17-jre-headless"
Inner = Annotated[str, Field(max_length=200), AfterValidator(_inside)]


class Manifest(BaseModel):
    """What `suite.yaml` says. `cases` are the cases the suite promises; one without a result is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$")]
    language: Literal["python", "node", "bash", "go", "java", "http", "other"]
    run: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]  # argument vector; no shell
    table: Inner = ""  # of `language: http`: its requests, in this file; stands in for `run`
    stdout: Literal["log", "tap", "jsonl"] = "log"  # what is read in standard output, beside files of results
    timeout_seconds: Annotated[int, Field(ge=1, le=86400)] = 60
    retries: Annotated[int, Field(ge=0, le=10)] = 0  # attempts after the first that count
    cases: list[Annotated[str, Field(min_length=1)]] = []
    product: Inner = ""  # a file that `build` makes outside the sandbox and the suite runs: a Go binary, a jar
    build: list[Annotated[str, Field(min_length=1)]] = []  # how a person makes it; a job never runs this

    @field_validator("name")
    @classmethod
    def _not_a_file_of_another(cls, name: str) -> str:
        if reading.FURTHER.fullmatch(name):
            raise ValueError("a name that ends with `.f` and a number is a suite's further file of results")
        return name

    @field_validator("cases")
    @classmethod
    def _no_twins(cls, cases: list[str]) -> list[str]:
        twins = sorted({case for case in cases if cases.count(case) > 1})
        if twins:
            raise ValueError(f"named twice: {', '.join(twins)}")
        return cases

    @model_validator(mode="before")
    @classmethod
    def _table_or_command(cls, content: Any) -> Any:
        """Give an HTTP table its command; any other suite needs one."""
        if not isinstance(content, dict) or content.get("language") != "http":
            return content
        table = content.get("table") or TABLE
        return {**content, "table": table, "run": content.get("run") or ["http-table", table]}


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

    def entry(self) -> dict[str, object]:
        """Return what the role `suite_run` is told of the suite."""
        manifest = self.manifest
        return {
            "name": manifest.name,
            "path": str(self.folder),
            "run": manifest.run,
            "timeout_seconds": manifest.timeout_seconds,
            "stdout": manifest.stdout,
            "retries": manifest.retries,
        }


def load(folder: Path) -> Suite:
    """Return the suite in `folder`; a RequestError names every mistake."""
    found, suite = look_at(folder, folder.name)
    wrong = findings.errors(found)
    if wrong or suite is None:
        raise RequestError(
            "\n".join(f"{item.place}: {item.message}" for item in wrong), remedy=f"correct the suite in {folder}"
        )
    return suite


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
        mistakes, suite = look_at(root / name, name)
        found += mistakes
        suites += [suite] if suite else []
    return found + _twins(suites) + (_unknown_cases(plan, suites) if not found else []), tuple(suites)


def look_at(folder: Path, name: str) -> tuple[list[Finding], Suite | None]:
    """Look at one suite: (findings, the suite unless its manifest is wrong); `name` stands before places."""
    mistakes, manifest = documents.check(folder / MANIFEST, Manifest)
    if manifest and manifest.product and not (folder / manifest.product).is_file():
        how = f": run `{shlex.join(manifest.build)}` in its folder" if manifest.build else ""
        mistakes.append(
            Finding("error", f"product: `{manifest.product}` is not built{how}", MANIFEST, "suite-not-built")
        )
    if manifest and manifest.table:
        from sandbox_suite.regression import tables

        wrong, cases = tables.look(folder / manifest.table)
        mistakes += wrong
        if not manifest.cases and not wrong:
            manifest = manifest.model_copy(update={"cases": cases})
        unknown = [case for case in manifest.cases if case not in cases]
        if unknown and not wrong:
            said = f"cases: no request of {manifest.table} is called {', '.join(unknown)}"
            mistakes.append(Finding("error", said, MANIFEST, "suite-case-unknown"))
    places = [Finding(item.severity, item.message, f"{name}/{item.place}", item.id) for item in mistakes]
    return places, Suite(manifest, folder) if manifest else None


def needs(suites: Sequence[Suite], packages: str) -> list[Finding]:
    """Look whether the runner has what suites run in; `packages`: the setting `runner_packages`."""
    has_java = re.search(r"\b(jre|jdk)\b", packages) is not None
    return [
        Finding("warning", JAVA, f"{suite.name}/{MANIFEST}", "suite-needs-java")
        for suite in suites
        if suite.manifest.language == "java" and not has_java
    ]


def _twins(suites: Sequence[Suite]) -> list[Finding]:
    names = [suite.name for suite in suites]
    return [
        Finding("error", f"two suites are called `{name}`", MANIFEST, "suite-name-twice")
        for name in sorted({name for name in names if names.count(name) > 1})
    ]


def _unknown_cases(plan: Plan, suites: Sequence[Suite]) -> list[Finding]:
    """A case that the plan names must be declared, unless its suite declares none: a misspelt one is never missed."""
    by_name = {suite.name: suite for suite in suites}
    found = []
    named = [(f"critical case `{case}`", case, "critical-case-unknown") for case in plan.critical]
    named += [(f"case `{case}` of row {row}", case, "checklist-case-unknown")
              for row, cases in plan.checklist.items() for case in cases]  # fmt: skip
    for title, case, mark in named:
        suite = by_name.get(case.partition("/")[0])
        if suite is None or (suite.manifest.cases and case not in suite.ids()):
            message = f"{title} is declared by no suite of the plan"
            found.append(Finding("error", message, f"plan {plan.name}", mark))
    return found
