"""ops.reconcile: compare what is recorded with what is there, and mend what is safely mended."""

from typing import TYPE_CHECKING, Any

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from sandbox_suite.core.clock import utc_now
from sandbox_suite.core.settings import settings
from sandbox_suite.tasks import output
from sandbox_suite.tasks.output import JSON_HELP

if TYPE_CHECKING:
    from sandbox_suite.jobs.reconcile import Difference

SCHEMA = "sandbox-suite/reconcile/1"


@task(
    help={
        "apply": "mend what is safely mended; without it, nothing is touched",
        "job": "only this job, by its whole id; with --apply, also what no job in the database accounts for",
        "json": JSON_HELP,
    }
)
def reconcile(context: Context, apply: bool = False, job: str = "", json: bool = False) -> None:
    """Compare jobs, stacks, containers, networks, volumes, golden copies, reports, audit; 1: some differ."""
    from sandbox_suite import engine
    from sandbox_suite.jobs import reconcile as reconciling
    from sandbox_suite.jobs.database import connect

    with output.errors_as_json(json):
        here, client = settings(), engine.client()
        database = connect(here)

        def look() -> "list[Difference]":
            return reconciling.look(here, database, client, utc_now, job)

        mended: list[Difference] = []
        if apply:
            mending = reconciling.Mending(here, database, client, utc_now, reconciling.actor(here))
            left, mended = reconciling.settle(mending, look, output.say)
        else:
            left = look()
    _show(left, mended, json)
    raise Exit(code=int(any(one.severity != "note" for one in left)))


def _show(left: "list[Difference]", mended: "list[Difference]", json: bool) -> None:
    if json:
        facts: dict[str, Any] = {"schema": SCHEMA, "differences": _facts(left), "mended": _facts(mended)}
        output.facts(facts)
        return
    output.lines(f"mended: {one}" for one in mended)
    for one in left:
        output.lines([str(one), f"  hint: {one.remedy}"])
    if not left and not mended:
        output.lines(["everything is as it is recorded"])


def _facts(differences: "list[Difference]") -> list[dict[str, Any]]:
    return [one.as_dict() for one in differences]
