"""The golden database: an attested dataset loaded once, proved, stopped cleanly and committed as an image.

A sandbox's database starts from that image instead of loading rows. The work runs in one container, without network,
that is removed whatever happens; a killed build leaves that container to the next one, and never an image.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from sandbox_suite.core.errors import InfrastructureError, RequestError
from sandbox_suite.core.files import canonical, file_digest
from sandbox_suite.core.progress import Say
from sandbox_suite.datasets import proof
from sandbox_suite.datasets.attestation import NotAttestedError
from sandbox_suite.datasets.store import Attested
from sandbox_suite.postgres import ddl
from sandbox_suite.postgres.inside import Psql

if TYPE_CHECKING:
    import pyarrow as pa

REPOSITORY = "sandbox-suite/golden"
LABEL = "sandbox-suite.golden"  # of the image, and of what starts from it: the cache key
# The container that fills an image has a name and no labels of ours: they would go into the image, and a sweep of
# sandboxes would take it away. The end of the name tells two installations on one engine apart.
BUILDER = "sandbox-suite-golden"
RECIPE = 1  # raise when the same dataset should become another database
PGDATA = "/data/pg"  # the image's own cluster, on the writable root, so that a commit keeps it
BATCH = 64 * 1024  # rows
STOP_SECONDS = 60


def ensure(
    attested: Attested, image: str, client: Any, say: Say, locks: Path, labels: Mapping[str, str] | None = None
) -> str:
    """Return the golden image of `attested` on `image`, built where it is missing; ten at once build one."""
    client = getattr(client, "api", client)  # docker.DockerClient or its docker.APIClient
    base = _image(client, image)
    key = cache_key(attested, base["Id"])
    reference = f"{REPOSITORY}:{key}"
    if _exists(client, reference):
        return reference
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / f"golden-{key}.lock"):
        if not _exists(client, reference):
            say(f"golden database {key}: load {attested.name}@{attested.version}, {attested.rows} rows")
            _clear(client, key, locks)
            _build(attested, base, client, builder(key, locks), {**(labels or {}), LABEL: key})
    return reference


def cache_key(attested: Attested, image_id: str) -> str:
    """Return what one golden image follows from, as 12 hex digits: content, DDL, PostgreSQL's image, this recipe."""
    tables = attested.manifest["tables"]
    made_of = [attested.digest, ddl.create_tables(tables), ddl.create_keys(tables), image_id, RECIPE]
    return hashlib.sha256(canonical(made_of)).hexdigest()[:12]


def builder(key: str, locks: Path) -> str:
    """Return the name of the container that fills the image of `key`."""
    return f"{BUILDER}-{key}-{hashlib.sha256(str(locks.absolute()).encode()).hexdigest()[:6]}"


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


def _build(attested: Attested, base: Mapping[str, Any], client: Any, name: str, labels: dict[str, str]) -> None:
    container = client.create_container(
        base["Id"],
        ["start-database"],
        name=name,
        environment={"PGDATA": PGDATA},
        host_config=client.create_host_config(
            init=True, network_mode="none", cap_drop=["ALL"], security_opt=["no-new-privileges"]
        ),
    )["Id"]
    try:
        client.start(container)
        _load(attested, Psql(client, container))
        _stop(client, container)
        # The image's own configuration, not the container's: PGDATA of the build stays out of sandboxes.
        client.commit(container, REPOSITORY, tag=labels[LABEL], conf=_configuration(base, labels))
    finally:
        client.remove_container(container, force=True)


def _configuration(base: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    configuration = dict(base["Config"])
    return {**configuration, "Labels": {**(configuration.get("Labels") or {}), **labels}}


def _load(attested: Attested, psql: Psql) -> None:
    tables = attested.manifest["tables"]
    expected = _expected(attested)
    psql.wait()
    schema = ddl.identifier(ddl.SCHEMA)
    psql.run(";\n".join([f"CREATE SCHEMA {schema}", *ddl.create_tables(tables)]))
    for name, table in tables.items():
        # TRUNCATE in the same transaction lets COPY write frozen rows and, with minimal WAL, no log of them.
        copy = f"COPY {ddl.qualified(name)} ({ddl.columns(table['order'])}) FROM STDIN (FORMAT binary, FREEZE)"
        psql.copy(f"TRUNCATE {ddl.qualified(name)}", copy, _rows(attested.table(name), table))
    closed = [
        f"REVOKE ALL ON SCHEMA {schema}, public FROM PUBLIC",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM PUBLIC",
    ]
    psql.run(";\n".join([*ddl.create_keys(tables), *closed, "ANALYZE"]))
    _prove(attested, psql, expected)
    psql.run("CHECKPOINT")


def _expected(attested: Attested) -> dict[str, str]:
    """Return the digests that the manifest tells, after comparing the files with it."""
    tables = attested.manifest["tables"]
    changed = [name for name, table in tables.items() if file_digest(attested.table(name)) != table["file_digest"]]
    if changed:
        raise NotAttestedError(f"files of {attested.name}@{attested.version} were changed: {', '.join(changed)}")
    return {name: table["content_digest"] for name, table in tables.items()}


def _prove(attested: Attested, psql: Psql, expected: Mapping[str, str]) -> None:
    queries = proof.sql(attested.manifest)
    found = dict(zip(queries, psql.run(";\n".join(queries.values())).split(), strict=True))
    differing = sorted(name for name in expected if found[name] != expected[name])
    if differing:
        raise InfrastructureError(
            f"the loaded database differs from {attested.name}@{attested.version} in {', '.join(differing)}",
            left="no golden image was made",
        )


def _rows(parquet: Path, table: Mapping[str, Any]) -> Iterator[bytes]:
    """Give the rows as PostgreSQL's binary COPY, batch by batch."""
    import pgpq
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([_arrow(name, spec["type"]) for name, spec in ddl.ordered(table)])
    encoder = pgpq.ArrowToPostgresBinaryEncoder(schema)
    yield encoder.write_header()
    with pq.ParquetFile(parquet) as file:
        for batch in file.iter_batches(batch_size=BATCH, columns=list(schema.names)):
            yield encoder.write_batch(batch.select(schema.names).cast(schema))
    yield encoder.finish()


def _arrow(name: str, kind: str) -> "pa.Field":
    """Return the Arrow field whose binary form is the column's PostgreSQL type."""
    import pyarrow as pa

    if match := ddl.DECIMAL.fullmatch(kind):
        return pa.field(name, pa.decimal128(int(match[1]), int(match[2])))
    kinds = {
        "smallint": pa.int16(),
        "integer": pa.int32(),
        "bigint": pa.int64(),
        "real": pa.float32(),
        "double precision": pa.float64(),
        "boolean": pa.bool_(),
        "text": pa.large_string(),
        "date": pa.date32(),
        "time": pa.time64("us"),
        "timestamp": pa.timestamp("us"),
        "timestamptz": pa.timestamp("us", tz="UTC"),
        "bytea": pa.large_binary(),
    }
    return pa.field(name, kinds[ddl.postgres_type(kind)])


def _stop(client: Any, container: str) -> None:
    """Stop PostgreSQL cleanly: a commit of a running server can lose what it wrote last."""
    client.kill(container, "SIGINT")
    if code := client.wait(container, timeout=STOP_SECONDS)["StatusCode"]:
        raise InfrastructureError(f"PostgreSQL ended with {code} after the load", left="no golden image was made")


def _image(client: Any, reference: str) -> dict[str, Any]:
    from docker.errors import ImageNotFound

    try:
        found: dict[str, Any] = client.inspect_image(reference)
    except ImageNotFound:
        raise RequestError(
            f"there is no image `{reference}`", remedy="run `./invoke ops.doctor`; images are built on first use"
        ) from None
    return found


def _exists(client: Any, reference: str) -> bool:
    from docker.errors import ImageNotFound

    try:
        client.inspect_image(reference)
    except ImageNotFound:
        return False
    return True
