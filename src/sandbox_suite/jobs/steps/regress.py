"""regress: the suites, inside the sandbox's network."""

from typing import Any

from sandbox_suite.jobs.steps.context import Context
from sandbox_suite.jobs.steps.converging import apply
from sandbox_suite.jobs.steps.counting import counting
from sandbox_suite.plugins.manifest import Manifest
from sandbox_suite.regression.suites import Suite


def run(context: Context) -> dict[str, Any]:
    """Run every suite of the plan; a suite that fails is a result, not a failure of the step."""
    plan = context.plan
    plugin = plan["plugin"]
    port = Manifest.model_validate(plugin["manifest"]).port
    run_id = f"{context.job}-{context.attempt}"  # another attempt is another run
    variables = {
        "suite_run_suites": [Suite.from_dict(suite).entry() for suite in plan["suites"]],
        "suite_run_id": run_id,
        "suite_run_base_url": f"http://plugin:{port}",
        "suite_run_parallel": len(plan["suites"]),
        "suite_run_deadline_seconds": plan["deadline_seconds"],
        "suite_run_environment": {
            "SANDBOX_JOB": context.job,
            "SANDBOX_TENANT": context.request.tenant,
            "SANDBOX_PLUGIN": f"{plugin['id']}@{plugin['version']}",
        },
    }
    with counting(context):
        made = apply(context, "run-regression", variables)
    return {**made, "run_id": run_id}
