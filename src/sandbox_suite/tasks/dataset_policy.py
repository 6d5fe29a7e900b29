"""dataset.policy and dataset.audit-fields: a policy proposed or checked; what is stored, held against all policies."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from sandbox_suite.core.clock import utc_now
from sandbox_suite.core.errors import BlockedError, RequestError
from sandbox_suite.core.settings import settings
from sandbox_suite.tasks import output
from sandbox_suite.tasks.output import JSON_HELP

if TYPE_CHECKING:
    from sandbox_suite.core.findings import Finding
    from sandbox_suite.datasets.drafting import Draft
    from sandbox_suite.datasets.field_audit import Report


@task(
    help={
        "name": "NAME@VERSION of the dataset",
        "draft": "propose a policy from what the values look like; what is not sure stays denied, with the evidence",
        "check": "say what this version would break in a policy, before anybody masks it; ends with 3 then",
        "policy": "with --check: the policy's file; default: the only one in config/masking",
        "out": "with --draft: the file to write; it must not exist. Default: stdout",
        "json": JSON_HELP,
    }
)
def policy(
    context: Context,
    name: str,
    draft: bool = False,
    check: bool = False,
    policy: str = "",
    out: str = "",
    json: bool = False,
) -> None:
    """Propose a masking policy for a dataset, or check one against it. Shows counts and rules, never a value."""
    if draft == check:
        raise RequestError("either --draft or --check is needed", remedy="./invoke dataset.policy --name N@V --draft")
    if (draft and policy) or (check and out):
        raise RequestError("--policy belongs to --check, --out to --draft")
    if draft:
        _draft(name, Path(out) if out else None, json)
    else:
        _check(name, policy, json)


@task(
    help={
        "acknowledged": "the file of accepted findings; default: field_audit.yaml in the folder of the settings",
        "out": "FILE.json and FILE.md are written; default: datasets/field-audit/fields below the home",
        "json": JSON_HELP,
    }
)
def audit_fields(context: Context, acknowledged: str = "", out: str = "", json: bool = False) -> None:
    """Look at every field of every stored version and policy; ends with 3 where something is new."""
    from sandbox_suite.datasets import field_audit

    file = Path(acknowledged) if acknowledged else settings().config / field_audit.FILE
    report = field_audit.run(settings(), file, utc_now(), output.say)
    written = field_audit.write(report, Path(out) if out else settings().home / "datasets" / "field-audit" / "fields")
    if json:
        output.facts(report.as_dict())
    else:
        output.lines(_audited(report))
    for path in written:
        output.say(f"written: {path}")
    raise Exit(code=BlockedError.exit_code if report.new else 0)


def _draft(name: str, out: Path | None, json: bool) -> None:
    from sandbox_suite.core.files import write_atomic
    from sandbox_suite.datasets import drafting, places
    from sandbox_suite.datasets.detection import label_source

    if out and out.exists():
        raise RequestError(f"{out} is there already", remedy="give --out another file, or move that one away")
    source = places.find(name, settings())
    labels = label_source(source)
    made = drafting.draft(source, labels)
    if out:
        write_atomic(out, made.text.encode())
    if json:
        seen = {table: {column: item.as_dict() for column, item in found.items()} for table, found in labels.items()}
        output.facts({**made.as_dict(), "columns": seen, "out": str(out) if out else None})
    elif not out:
        output.lines(made.text.splitlines())
    for line in _told(made):
        output.say(line)


def _told(made: "Draft") -> Iterator[str]:
    yield f"{made.dataset}: {len(made.proposals) - len(made.denied)} rules proposed, {len(made.denied)} columns denied"
    if not made.loadable:
        yield "no column is sure enough for a rule, and a policy without any cannot be loaded: write the first one"


def _check(name: str, policy: str, json: bool) -> None:
    from sandbox_suite.core.findings import errors
    from sandbox_suite.datasets import places, policy_check, previous
    from sandbox_suite.datasets import policy as policies
    from sandbox_suite.tasks.dataset_check import policy_file

    file = policy_file(policy)
    loaded, source = policies.load(file), places.find(name, settings())
    other = previous.version(source.name, source.version, settings().home / "datasets")
    now = utc_now().date()
    found = policy_check.worst(policy_check.check(source, loaded, now, other.schema if other else None))
    if json:
        shown = [item.as_dict() for item in found]
        compared = other.reference if other else None
        output.facts({"dataset": name, "policy": file.name, "compared_with": compared, "findings": shown})
    else:
        output.lines(_findings(found, other.reference if other else ""))
    raise Exit(code=BlockedError.exit_code if errors(found) else 0)


def _findings(found: "list[Finding]", compared: str) -> Iterator[str]:
    if compared:
        yield f"compared with {compared}"
    yield from map(str, found)
    yield "the policy fits" if all(item.severity != "error" for item in found) else "the policy does not fit"


def _audited(report: "Report") -> Iterator[str]:
    for title, entries in (("new", report.new), ("acknowledged", report.acknowledged)):
        yield f"{title}: {len(entries)}"
        yield from (f"  {entry.finding} (in {', '.join(entry.versions)})" for entry in entries)
    yield from (f"note: {line}" for line in report.notes)
    yield f"{len(report.fields)} fields of {len(report.versions)} versions, {len(report.policies)} policies"
