"""Filling a database with an attested dataset: rows as binary COPY, in the order and types of the manifest."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.files import file_digest
from sandbox_suite.datasets import proof
from sandbox_suite.datasets.attestation import NotAttestedError
from sandbox_suite.datasets.store import Attested
from sandbox_suite.postgres import ddl
from sandbox_suite.postgres.inside import Psql

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 64 * 1024  # rows
# Nobody but the owner may use the schema until a plan grants it.
CLOSED = (
    f"REVOKE ALL ON SCHEMA {ddl.identifier(ddl.SCHEMA)}, public FROM PUBLIC",
    f"REVOKE ALL ON ALL TABLES IN SCHEMA {ddl.identifier(ddl.SCHEMA)} FROM PUBLIC",
)


def load(attested: Attested, psql: Psql) -> None:
    """Load a dataset into an empty database, with keys, indexes and statistics, and prove it."""
    tables = attested.manifest["tables"]
    digests = expected(attested)
    psql.wait()
    psql.run(";\n".join([f"CREATE SCHEMA {ddl.identifier(ddl.SCHEMA)}", *ddl.create_tables(tables)]))
    for name, table in tables.items():
        # TRUNCATE in the same transaction lets COPY write frozen rows and, with minimal WAL, no log of them.
        psql.copy(f"TRUNCATE {ddl.qualified(name)}", copy(name, table), rows(attested, name))
    psql.run(";\n".join([*ddl.create_keys(tables), *CLOSED, "ANALYZE"]))
    _prove(attested, psql, digests)
    psql.run("CHECKPOINT")


def expected(attested: Attested) -> dict[str, str]:
    """Return the digests that the manifest tells, after comparing the files with it; NotAttestedError: they differ."""
    tables = attested.manifest["tables"]
    changed = [name for name, table in tables.items() if file_digest(attested.table(name)) != table["file_digest"]]
    if changed:
        raise NotAttestedError(f"files of {attested.name}@{attested.version} were changed: {', '.join(changed)}")
    return {name: table["content_digest"] for name, table in tables.items()}


def copy(name: str, table: Mapping[str, Any]) -> str:
    """Return the statement that reads `rows` into an empty table of the same transaction."""
    return f"COPY {ddl.qualified(name)} ({ddl.columns(table['order'])}) FROM STDIN (FORMAT binary, FREEZE)"


def rows(attested: Attested, name: str) -> Iterator[bytes]:
    """Give a table's rows as PostgreSQL's binary COPY, batch by batch."""
    import pgpq
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = attested.manifest["tables"][name]
    schema = pa.schema([_arrow(column, spec["type"]) for column, spec in ddl.ordered(table)])
    encoder = pgpq.ArrowToPostgresBinaryEncoder(schema)
    yield encoder.write_header()
    with pq.ParquetFile(attested.table(name)) as file:
        for batch in file.iter_batches(batch_size=BATCH, columns=list(schema.names)):
            yield encoder.write_batch(batch.select(schema.names).cast(schema))
    yield encoder.finish()


def _prove(attested: Attested, psql: Psql, digests: Mapping[str, str]) -> None:
    queries = proof.sql(attested.manifest)
    found = dict(zip(queries, psql.run(";\n".join(queries.values())).split(), strict=True))
    differing = sorted(name for name in digests if found[name] != digests[name])
    if differing:
        raise InfrastructureError(
            f"the loaded database differs from {attested.name}@{attested.version} in {', '.join(differing)}",
            left="no golden database was made",
        )


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
