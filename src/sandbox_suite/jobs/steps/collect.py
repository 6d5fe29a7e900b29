"""collect: results, logs and metrics come out of the sandbox."""

from typing import Any

from sandbox_suite.jobs.steps.context import Context
from sandbox_suite.jobs.steps.converging import apply


def run(context: Context) -> dict[str, Any]:
    """Fetch the artifacts into the job's folder."""
    variables = {
        "report_collect_folder": str(context.folder / "artifacts"),
        "report_collect_run_id": context.made("regress").get("run_id", context.job),
    }
    return apply(context, "collect-reports", variables)
