"""load: prove the dataset's digest on the base tables, grant what the plan allows."""

from typing import Any

from sandbox_suite.jobs.steps.context import Context
from sandbox_suite.jobs.steps.converging import apply

PROOF = ("table", "sql", "expected")  # what the role is told of each table


def run(context: Context) -> dict[str, Any]:
    """Load; the rows themselves come with the golden database."""
    plan = context.plan
    dataset = plan["dataset"]
    return apply(
        context,
        "load-dataset",
        {
            "dataset_load_proofs": [{key: proof[key] for key in PROOF} for proof in dataset["proofs"]],
            "dataset_load_grants": dataset["grants"],
            "dataset_load_role": plan["role"],
        },
    )
