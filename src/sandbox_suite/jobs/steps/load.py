"""load: prove the dataset's digest on the base tables, load fixtures, grant what the plan allows."""

from typing import Any

from sandbox_suite.datasets import fixtures
from sandbox_suite.jobs.steps.context import Context
from sandbox_suite.jobs.steps.converging import apply

PROOF = ("table", "sql", "expected")  # what the role is told of each table
FIXTURE = ("table", "file")


def run(context: Context) -> dict[str, Any]:
    """Load; the dataset's rows themselves come with the golden database.

    `writers` are the transactions that wrote the rows which were proved: a row of any other was written since.
    """
    plan = context.plan
    dataset = plan["dataset"]
    made = apply(
        context,
        "load-dataset",
        {
            "dataset_load_proofs": [{key: proof[key] for key in PROOF} for proof in dataset["proofs"]],
            "dataset_load_fixtures": [
                {key: one[key] for key in FIXTURE} for one in fixtures.unchanged(dataset.get("fixtures", ()))
            ],
            "dataset_load_grants": dataset["grants"],
            "dataset_load_role": plan["role"],
        },
    )
    said = made["proofs"]
    tables = [proof["table"] for proof in dataset["proofs"]]
    return {
        **made,
        "proofs": {table: said[table] for table in tables},
        "writers": {table: said[f"written:{table}"].split(",") for table in tables},
    }
