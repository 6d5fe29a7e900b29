"""dataset: the attested version and its golden database, made where they are missing."""

from typing import Any

import docker

from sandbox_suite import engine
from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.datasets import golden, prepare, proof
from sandbox_suite.datasets.store import Store
from sandbox_suite.datasets.trail import Asker
from sandbox_suite.engine.connection import measured
from sandbox_suite.jobs.steps.context import Context
from sandbox_suite.toolchain.images import references


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
    client = docker.DockerClient.from_env(timeout=120)
    measured(client.api)
    labels = {"sandbox-suite.installation": engine.installation(context.settings.home)}
    locks = context.settings.home / "locks"
    image = golden.ensure(attested, references()["database"], client, context.say, locks, labels)
    client.close()
    tables = attested.manifest["tables"]
    queries = proof.sql(attested.manifest)
    plan["images"] = {"database": image}
    plan["dataset"] |= {
        "digest": attested.digest,
        "attested": attested.attested,
        "attested_at": attested.at,
        "rows": attested.rows,
        "proofs": [
            {"table": name, "sql": sql, "expected": tables[name]["content_digest"], "rows": tables[name]["rows"]}
            for name, sql in queries.items()
        ],
    }
    context.write_plan(plan)
    return {"digest": attested.digest, "image": image}
