"""The golden database of a job's dataset, and what the plan says of both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox_suite import engine
from sandbox_suite.core.progress import Say
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import golden, operation, proof
from sandbox_suite.datasets.golden import Golden
from sandbox_suite.datasets.store import Attested
from sandbox_suite.engine import labels
from sandbox_suite.jobs import outcome
from sandbox_suite.toolchain.images import references

if TYPE_CHECKING:
    import docker


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


@dataclass(frozen=True)
class Source:
    """What a sandbox's database starts from: an image, and the volume with its cluster, if it has one."""

    image: str
    volume: str = ""


def source(settings: Settings, plan: Mapping[str, Any], expires_at: str) -> Source:
    """Return what the database of a job is to start from; its own clone is made where it needs one.

    A running database that was proved to hold what is planned, because it was loaded into it, stays what it is.
    """
    client = engine.client(timeout=120)
    try:
        return _standing(settings, plan, client) or _new(settings, plan, expires_at, client)
    finally:
        client.close()


def _new(settings: Settings, plan: Mapping[str, Any], expires_at: str, client: "docker.APIClient") -> Source:
    told = plan["dataset"].get("golden")  # plans of older releases name the image alone
    if not told or not told["volume"]:
        return Source(told["image"] if told else plan["images"]["database"])
    made = Golden.from_dict(told)
    volume = f"sbx-{plan['job']}-database-{made.key}"
    owner = engine.installation(settings.home)
    golden.clone(made, client, volume, labels.labels(owner, plan["job"], plan["tenant"], expires_at))
    return Source(made.image, volume)


def _standing(settings: Settings, plan: Mapping[str, Any], client: "docker.APIClient") -> Source | None:
    left = outcome.read(settings.job(plan["job"]), "load")
    wanted = {proof["table"]: proof["expected"] for proof in plan["dataset"]["proofs"]}
    if left is None or left.made.get("proofs") != wanted:
        return None
    import docker

    try:
        there = client.inspect_container(f"sbx-{plan['job']}-database")
    except docker.errors.NotFound:
        return None
    mounted = [mount["Name"] for mount in there["Mounts"] if mount["Type"] == "volume"]
    return Source(there["Config"]["Image"], *mounted) if there["State"]["Running"] else None
