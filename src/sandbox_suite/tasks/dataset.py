"""dataset.*: the stored versions of datasets, and what the masking gate says of one."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from sandbox_suite.core.clock import utc_now
from sandbox_suite.core.errors import BlockedError, RequestError
from sandbox_suite.core.settings import settings
from sandbox_suite.tasks import output

if TYPE_CHECKING:
    from sandbox_suite.datasets.gate.verdict import Verdict

NAME_HELP = "NAME@VERSION of the dataset"
JSON_HELP = "one JSON document on stdout, everything else on stderr"


@task(name="list", help={"json": JSON_HELP})
def list_(context: Context, json: bool = False) -> None:
    """List the datasets that can be asked for, and which of them are attested."""
    from sandbox_suite.datasets import listing

    rows = listing.rows(settings(), utc_now())
    if json:
        output.facts({"datasets": rows})
        return
    titles = ("dataset", "state", "current", "rows", "digest", "attested at")
    cells = [
        (
            *(row["reference"], row["state"], "*" if row["current"] else "", str(row["rows"] or "-")),
            *(row["digest"][:19] or "-", row["at"] or "-"),
        )
        for row in rows
    ]
    output.table(titles, cells, empty="no dataset: put a source into examples/datasets")


@task(help={"name": NAME_HELP, "json": JSON_HELP})
def show(context: Context, name: str, json: bool = False) -> None:
    """Show a version: digests, policy, tables and columns with their rules."""
    from sandbox_suite.datasets import listing

    shown = listing.show(name, settings(), utc_now())
    if json:
        output.facts(shown)
        return
    output.lines(f"{key:<12} {value}" for key, value in shown.items() if key != "tables")
    for table, spec in shown["tables"].items():
        output.lines(["", f"{table}: {spec['rows']} rows, primary key {', '.join(spec['primary_key'])}"])
        output.lines(
            f"  {column:<20} {spec['columns'][column]['type']:<16} {_rule(spec, column)}" for column in spec["order"]
        )


@task(
    name="check",
    help={"name": NAME_HELP, "policy": "the policy's file; default: the only one in config/masking", "json": JSON_HELP},
)
def check_(context: Context, name: str, policy: str = "", json: bool = False) -> None:
    """Mask a dataset and let the gate look; keeps nothing. Ends with 3 where the gate blocks."""
    from sandbox_suite.datasets import prepare

    file = Path(policy) if policy else _only_policy()
    verdict = prepare.check(name, file, settings(), output.say, utc_now)
    if json:
        output.facts({"dataset": name, "passed": verdict.passed, **verdict.as_dict()})
    else:
        output.lines(_lines(verdict))
    raise Exit(code=0 if verdict.passed else BlockedError.exit_code)


def _only_policy() -> Path:
    found = sorted((settings().config / "masking").glob("*.yaml"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise RequestError(f"which policy? config/masking holds {names}", remedy="name one with --policy FILE")
    return found[0]


def _lines(verdict: "Verdict") -> list[str]:
    checks = [f"{check.name:<24} {check.seconds:7.3f} s  {len(check.findings)} findings" for check in verdict.checks]
    findings = [str(finding.as_finding()) for finding in verdict.findings]
    return [*checks, *findings, "attested" if verdict.passed else "BLOCKED"]


def _rule(spec: dict[str, Any], column: str) -> str:
    rule = spec["columns"][column].get("rule", {})
    return f"mask {rule['mask']}" if "mask" in rule else f"keep: {rule.get('keep', {}).get('why', '')}"
