"""admit: the request becomes a resolved plan, or is refused with every mistake at once."""

from typing import Any

from sandbox_suite.core.errors import RequestError
from sandbox_suite.datasets import fixtures, versions
from sandbox_suite.jobs import plan as planning
from sandbox_suite.jobs.steps.context import Context
from sandbox_suite.plugins import catalog
from sandbox_suite.regression import plans, suites


def run(context: Context) -> dict[str, Any]:
    """Resolve the plan and write plan.json."""
    wrong = planning.look(context.settings, context.request, context.clock()).mistakes
    if wrong:
        raise RequestError(
            "\n".join(f"{item.place}: {item.message}" for item in wrong), remedy="correct this and run again"
        )
    request = context.request
    plan = plans.load().get(request.plan)
    plugin = catalog.resolve(request.plugin or plan.plugin, context.settings, context.clock)
    name, _, version = versions.resolve(request.dataset or plan.dataset, context.settings).partition("@")
    role = _role(plugin.id)
    context.write_plan(
        {
            "job": context.job,
            "tenant": request.tenant,
            "plan": plan.name,
            "description": plan.description,
            "plugin": {
                "id": plugin.id,
                "version": plugin.version,
                "digest": plugin.digest,
                "package": str(plugin.package),
                "signer": plugin.signer,
                "manifest": plugin.manifest.model_dump(mode="json"),
            },
            "dataset": {
                "name": name,
                "version": version,
                "policy": plan.policy,
                "grants": plan.grants,
                "fixtures": fixtures.facts(plan.fixture_files()),
                "proofs": [],
            },
            "suites": [suite.as_dict() for suite in suites.of_plan(plan)],
            "critical": plan.critical,
            "checklist": plan.checklist,
            "thresholds": plans.thresholds(plan, request.thresholds).asked(),
            "deadline_seconds": plan.deadline_seconds,
            "role": role,
            "schema": role,
            "images": {},
            "limits": {},
        }
    )
    context.say(f"plugin {plugin.id}@{plugin.version}, signed by {plugin.signer}")
    return {"plugin": plugin.digest}


def _role(plugin: str) -> str:
    """Return the plugin's database role and schema: one word, within PostgreSQL's 63 bytes."""
    return f"plugin_{plugin.rpartition('.')[2].replace('-', '_')}"[:63].lower()
