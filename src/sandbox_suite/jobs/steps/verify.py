"""verify: the sandbox and the plugin checklist, proved from inside."""

from typing import Any

from sandbox_suite.jobs.steps.context import Context
from sandbox_suite.verification import running as verification


def run(context: Context) -> dict[str, Any]:
    """Run the checks; a failed one is a result that the verdict weighs."""
    found = verification.run(context.job, context.folder, context.settings)
    for check in found.checks:
        if check.outcome != "passed":
            context.say(f"! {check.name}: {check.outcome} {check.message}")
    return {"checks": len(found.checks), "failed": list(found.failed), "rows": found.rows}
