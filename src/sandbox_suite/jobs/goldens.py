"""The golden database of a job's dataset, and what the plan says of both."""

from collections.abc import Mapping
from typing import Any

from sandbox_suite import engine
from sandbox_suite.core.progress import Say
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import golden, operation, proof
from sandbox_suite.datasets.golden import Golden
from sandbox_suite.datasets.store import Attested
from sandbox_suite.engine import labels
from sandbox_suite.toolchain.images import references


def ensure(settings: Settings, attested: Attested, say: Say) -> Golden:
    """Return the golden database of an attested version, built where it is missing, in the way that is set."""
    client = engine.client(timeout=120)
    try:
        image = references()["database"]
        backend = golden.choose(operation.load(settings.config).golden.clone, client, image, settings.home)
        owner = {labels.INSTALLATION: engine.installation(settings.home)}
        return golden.ensure(attested, image, client, say, settings.home / "locks", owner, backend)
    finally:
        client.close()


def planned(plan: Mapping[str, Any], attested: Attested, made: Golden) -> dict[str, Any]:
    """Return a plan with what its sandbox is to hold: the golden database, the dataset and its proofs."""
    tables, queries = attested.manifest["tables"], proof.sql(attested.manifest)
    dataset = {
        "name": attested.name,
        "version": attested.version,
        "digest": attested.digest,
        "attested": attested.attested,
        "attested_at": attested.at,
        "rows": attested.rows,
        "golden": made.as_dict(),
        "proofs": [
            {"table": name, "sql": sql, "expected": tables[name]["content_digest"], "rows": tables[name]["rows"]}
            for name, sql in queries.items()
        ],
    }
    return {**plan, "images": {"database": made.image}, "dataset": {**plan["dataset"], **dataset}}


def clone(settings: Settings, plan: Mapping[str, Any], expires_at: str) -> str:
    """Return the volume with a job's own clone of the golden database, made where it is missing; empty: none needed."""
    told = plan["dataset"].get("golden")  # plans of older releases name the image alone
    if not told or not told["volume"]:
        return ""
    made = Golden.from_dict(told)
    job, volume = plan["job"], f"sbx-{plan['job']}-database"
    client = engine.client(timeout=120)
    try:
        owner = engine.installation(settings.home)
        golden.clone(made, client, volume, labels.labels(owner, job, plan["tenant"], expires_at))
    finally:
        client.close()
    return volume
