"""Building a golden database, once however many ask: in one container without network, which is removed after.

A killed build leaves that container to the next one, and never an image, nor a volume that counts as whole.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from sandbox_suite.core.errors import InfrastructureError, RequestError
from sandbox_suite.core.progress import Say
from sandbox_suite.datasets.golden import committed, filling, volumes
from sandbox_suite.datasets.golden.model import Backend, Golden
from sandbox_suite.datasets.golden.names import LABEL, REPOSITORY, builder, cache_key
from sandbox_suite.datasets.store import Attested
from sandbox_suite.postgres.inside import Psql

STOP_SECONDS = 60


def ensure(
    attested: Attested,
    image: str,
    client: Any,
    say: Say,
    locks: Path,
    labels: Mapping[str, str] | None = None,
    backend: Backend = "image",
) -> Golden:
    """Return the golden database of `attested` on `image`, built where it is missing; ten at once build one."""
    client = getattr(client, "api", client)  # docker.DockerClient or its docker.APIClient
    base = _image(client, image)
    key = cache_key(attested, base["Id"])
    golden = _golden(key, backend, image, locks)
    if _there(client, golden, locks):
        return golden
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / f"golden-{key}.lock"):
        if not _there(client, golden, locks):
            say(f"golden database {key}: load {attested.name}@{attested.version}, {attested.rows} rows")
            _clear(client, key, locks)
            _build(attested, base, client, golden, locks, {**(labels or {}), LABEL: key})
    return golden


def _golden(key: str, backend: Backend, image: str, locks: Path) -> Golden:
    if backend == "image":
        return Golden(key, backend, f"{REPOSITORY}:{key}")
    return Golden(key, backend, image, builder(key, locks))


def _there(client: Any, golden: Golden, locks: Path) -> bool:
    return volumes.whole(client, golden.volume, locks) if golden.volume else committed.exists(client, golden.image)


def _clear(client: Any, key: str, locks: Path) -> None:
    """Remove the builders that killed builds left; call it with `key`'s lock held."""
    for found in client.containers(all=True, filters={"name": builder("[0-9a-f]+", locks)}):
        other = found["Names"][0].split("-")[-2]
        if other == key or _abandoned(locks / f"golden-{other}.lock"):
            client.remove_container(found["Id"], force=True)


def _abandoned(lock: Path) -> bool:
    try:
        with FileLock(lock, timeout=0):
            return True
    except Timeout:
        return False


def _build(
    attested: Attested, base: Mapping[str, Any], client: Any, golden: Golden, locks: Path, labels: dict[str, str]
) -> None:
    name = builder(golden.key, locks)
    if golden.volume:
        volumes.begin(client, golden.volume, locks, labels)
    make = volumes.builder if golden.volume else committed.builder
    container = make(client, base["Id"], name)
    try:
        client.start(container)
        filling.load(attested, Psql(client, container))
        _stop(client, container)
        if golden.volume:
            volumes.finish(client, golden.volume, locks)
        else:
            committed.keep(client, container, base, labels)
    finally:
        client.remove_container(container, force=True)


def _stop(client: Any, container: str) -> None:
    """Stop PostgreSQL cleanly: a commit of a running server can lose what it wrote last."""
    client.kill(container, "SIGINT")
    if code := client.wait(container, timeout=STOP_SECONDS)["StatusCode"]:
        raise InfrastructureError(f"PostgreSQL ended with {code} after the load", left="no golden database was made")


def _image(client: Any, reference: str) -> dict[str, Any]:
    from docker.errors import ImageNotFound

    try:
        found: dict[str, Any] = client.inspect_image(reference)
    except ImageNotFound:
        raise RequestError(
            f"there is no image `{reference}`", remedy="run `./invoke ops.doctor`; images are built on first use"
        ) from None
    return found
