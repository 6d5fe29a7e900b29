"""dataset: the attested version and its golden database, made where they are missing."""

from typing import Any

from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.datasets import prepare
from sandbox_suite.datasets.store import Store
from sandbox_suite.datasets.trail import Asker
from sandbox_suite.jobs import goldens
from sandbox_suite.jobs.steps.context import Context


def run(context: Context) -> dict[str, Any]:
    """Prepare the dataset; BlockedError where the gate says no."""
    # Until the plan names what this job uses, no version may be removed.
    with Store(context.settings.home / "datasets").using():
        return _run(context)


def _run(context: Context) -> dict[str, Any]:
    plan = context.plan
    wanted = plan["dataset"]
    reference, policy = f"{wanted['name']}@{wanted['version']}", CHECKOUT / wanted["policy"]
    request = context.request
    by = Asker(request.actor, request.reason, context.job, request.tenant)
    attested = prepare.prepare(reference, policy, context.settings, context.say, context.clock, by)
    context.say(f"{reference} attested at {attested.at}, {attested.rows} rows, {attested.digest}")
    made = goldens.ensure(context.settings, attested, context.say)
    context.write_plan(goldens.planned(plan, attested, made))
    return {"digest": attested.digest, "image": made.image, "clone": made.backend}
