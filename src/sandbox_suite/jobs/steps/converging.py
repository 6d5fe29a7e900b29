"""What the steps that run Ansible share."""

from collections.abc import Mapping
from typing import Any

from sandbox_suite.converge import runner
from sandbox_suite.converge.context import of_job
from sandbox_suite.core.errors import CancelledError
from sandbox_suite.jobs.steps.context import Context


def apply(context: Context, playbook: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Apply a playbook to the sandbox; return what the step made. A failed task fails the step.

    `missing_records` are task results that the audit log and Ansible's own events do not both have: the job's evidence
    is then incomplete, and its verdict with it.
    """
    who = of_job(
        context.settings,
        job=context.job,
        step=context.step,
        attempt=context.attempt,
        actor=context.request.actor,
        tenant=context.request.tenant,
        reason=context.request.reason,
    )
    converged = runner.run(playbook, who, variables, context.settings, context.say)
    if converged.outcome == "cancelled":
        raise CancelledError("the step was cancelled", left="what it had made is taken back")
    converged.raise_for_failure()
    return {
        "proofs": {name: value for result in converged.results for name, value in result.proved.items()},
        "tasks": len(converged.results),
        "changed": converged.changed,
        "task_seconds": [[item.task, item.host, item.seconds] for item in converged.results],
        "missing_records": [f"{item.task} on {item.host}: no {item.side}" for item in converged.missing_records],
    }
