"""dataset.*, of versions: compare, hand out, correct, roll back, clear away."""

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.context import Context
from invoke.tasks import task

from sandbox_suite.core.clock import utc_now
from sandbox_suite.core.errors import InfrastructureError, RequestError
from sandbox_suite.core.settings import settings
from sandbox_suite.tasks import output
from sandbox_suite.tasks.dataset_check import policy_file
from sandbox_suite.tasks.output import JSON_HELP

if TYPE_CHECKING:
    import docker

    from sandbox_suite.datasets.comparison import Comparison
    from sandbox_suite.datasets.operation import Retention
    from sandbox_suite.datasets.retention import Used
    from sandbox_suite.datasets.store import Attested

SIDE_HELP = "NAME@VERSION (attested, else raw), raw:NAME@VERSION, or the beginning of a version's digest"
POLICY_HELP = "the policy's file; default: the only one in config/masking"
REASON_HELP = "why, for the audit"
DRY_HELP = "show what would happen; touches nothing"
WIDE = 48  # characters of a cell


@task(
    help={
        "left": SIDE_HELP,
        "right": "what it is compared with, named in the same way",
        "policy": "says which columns of raw rows may be seen; default: the one they were last attested under",
        "json": JSON_HELP,
    }
)
def diff(context: Context, left: str, right: str, policy: str = "", json: bool = False) -> None:
    """Compare two stored versions: schema, rows, distributions; never a value of a masked or unlabelled column."""
    from sandbox_suite.datasets import comparison, sides
    from sandbox_suite.datasets import policy as policies
    from sandbox_suite.datasets.store import Store

    with output.errors_as_json(json), Store(settings().home / "datasets").using():
        rules = policies.load(Path(policy)) if policy else None
        both = [sides.find(text, settings(), utc_now(), rules) for text in (left, right)]
        found = comparison.compare(*both)
    if json:
        output.facts(found.as_dict())
    else:
        _print(found)


@task(help={"name": "NAME of the dataset", "json": JSON_HELP})
def history(context: Context, name: str, json: bool = False) -> None:
    """Show which versions were current: since when, who made them so, why."""
    from sandbox_suite.datasets import versions
    from sandbox_suite.datasets.store import Store

    with output.errors_as_json(json):
        moves = versions.history(Store(settings().home / "datasets"), name)
    if json:
        output.facts({"dataset": name, "history": [move.as_dict() for move in moves]})
        return
    rows = [(one.at, one.reference, one.version[:12], one.action, one.actor, one.reason or "-") for one in moves]
    output.table(
        ("since", "dataset", "version", "action", "actor", "reason"), rows, empty=f"{name} has no current version"
    )


@task(
    help={
        "name": "NAME of the dataset",
        "to": "the version, or the beginning of its digest; default: the one before the current",
        "reason": REASON_HELP,
        "dry-run": DRY_HELP,
        "json": JSON_HELP,
    }
)
def rollback(
    context: Context, name: str, to: str = "", reason: str = "", dry_run: bool = False, json: bool = False
) -> None:
    """Make an earlier attested version current again; running sandboxes keep theirs. Ends with 3 where none holds."""
    from sandbox_suite.datasets import trail, versions
    from sandbox_suite.jobs import dataset_use

    with output.errors_as_json(json):
        found = versions.rollback(settings(), name, to, trail.asker(settings(), reason), utc_now, dry_run)
    others = [
        use.job for use in dataset_use.of(settings(), utc_now()) if use.living and use.reference.startswith(f"{name}@")
    ]
    if json:
        output.facts({**found.as_dict(), "dry_run": dry_run, "jobs": others})
        return
    said = f"{name}: {found.left or 'nothing'} -> {found.now} ({found.version[:12]}, {found.digest[:19]})"
    output.lines([f"would be current: {said}" if dry_run else said])
    if others:
        output.lines([f"jobs that keep what they have: {', '.join(others)}"])


@task(
    help={
        "name": "NAME@VERSION of the dataset",
        "policy": POLICY_HELP,
        "out": "a new or an empty folder",
        "reason": REASON_HELP,
        "json": JSON_HELP,
    }
)
def mask(context: Context, name: str, out: str, policy: str = "", reason: str = "", json: bool = False) -> None:
    """Write masked Parquet, manifest and attestation to a folder, if the gate attests them. Ends with 3 where not."""
    from sandbox_suite.datasets import handout, trail

    by, folder = trail.asker(settings(), reason), Path(out).absolute()
    with output.errors_as_json(json):
        made = handout.mask(name, policy_file(policy), folder, settings(), by, output.say, utc_now)
    if json:
        output.facts({**_facts(made), "out": str(folder)})
    else:
        output.lines([f"{name}: {made.rows} rows, {made.digest}, attested at {made.at}", f"in {folder}"])


@task(
    help={
        "name": "NAME@VERSION of the dataset to correct",
        "rows": "CSV or YAML file: table, key, column, value; or table, key, delete",
        "as": "VERSION that the corrected one gets",
        "reason": "why, for the manifest and the audit",
        "author": "who wrote the correction; default: who runs this",
        "policy": POLICY_HELP,
        "json": JSON_HELP,
    }
)
def patch(
    context: Context,
    name: str,
    rows: str,
    as_: str,
    reason: str,
    author: str = "",
    policy: str = "",
    json: bool = False,
) -> None:
    """Correct rows by hand: a version with parent, reason and author, masked and gated. Ends with 3 where blocked."""
    from sandbox_suite.datasets import patching, trail

    by = trail.asker(settings(), reason)
    with output.errors_as_json(json):
        made = patching.patch(
            name, Path(rows), as_, policy_file(policy), settings(), by, output.say, utc_now, author=author
        )
    if json:
        output.facts({**_facts(made), "parent": name, "author": author or by.actor, "reason": reason})
    else:
        output.lines([f"{made.name}@{made.version}: {made.rows} rows, {made.digest}, attested at {made.at}"])


@task(
    help={
        "keep": "newest attested and raw versions of each dataset that stay; default: config/datasets.yaml",
        "dry-run": "list what would go; touches nothing",
        "reason": REASON_HELP,
        "json": JSON_HELP,
    }
)
def gc(context: Context, keep: int = 0, dry_run: bool = False, reason: str = "", json: bool = False) -> None:
    """Remove versions, files, failure reports and golden images that nothing uses and retention does not keep."""
    from sandbox_suite.datasets import operation, retention, trail
    from sandbox_suite.toolchain.images import references

    with output.errors_as_json(json):
        rules = _retention(operation.load(settings().config).retention, keep)
        client = _engine()
        gone = retention.collect(
            settings(),
            rules,
            lambda: _used(rules),
            trail.asker(settings(), reason),
            utc_now,
            client=client,
            image=references()["database"],
            dry_run=dry_run,
        )
    if json:
        output.facts({"dry_run": dry_run, "engine": client is not None, "removed": [item.as_dict() for item in gone]})
        return
    rows = [(item.kind, item.name, f"{item.size / 1e6:.1f}" if item.size else "-") for item in gone]
    output.table(("would remove" if dry_run else "removed", "what", "MB"), rows, empty="nothing to remove")
    if client is None:
        output.say("no Docker engine answers: golden images are left")


def _retention(rules: "Retention", keep: int) -> "Retention":
    if keep < 0:
        raise RequestError("--keep is a number of versions, 1 or more")
    return rules.model_copy(update={"attested": keep, "raw": keep}) if keep else rules


def _used(rules: "Retention") -> "Used":
    from sandbox_suite.datasets.retention import Used
    from sandbox_suite.jobs import dataset_use

    uses = dataset_use.of(settings(), utc_now() - datetime.timedelta(days=rules.jobs_days))
    return Used(
        frozenset(use.reference for use in uses if use.reference),
        frozenset(use.digest for use in uses if use.digest),
        frozenset(use.image for use in uses if use.image),
    )


def _engine() -> "docker.APIClient | None":
    from sandbox_suite import engine

    try:
        return engine.client()
    except InfrastructureError:
        return None


def _facts(made: "Attested") -> dict[str, Any]:
    return {
        "dataset": f"{made.name}@{made.version}",
        "version": made.folder.name,
        "digest": made.digest,
        "attested_at": made.at,
        "rows": made.rows,
    }


def _print(found: "Comparison") -> None:
    for mark, side in (("<", found.left.as_dict()), (">", found.right.as_dict())):
        under = f", policy {side['policy']}" if side["policy"] else ""
        output.lines([f"{mark} {side['dataset']} {side['state']} {side['version'][:12]}, {side['rows']} rows{under}"])
    rows = [(one.place, one.what, _cell(one.left), _cell(one.right)) for one in found.differences]
    output.table(("where", "what", "<", ">"), rows, empty="no difference")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, dict) and all(isinstance(share, float) for share in value.values()):
        text = ", ".join(f"{member} {share:.1%}" for member, share in value.items())
    else:
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= WIDE else text[: WIDE - 1] + "…"
