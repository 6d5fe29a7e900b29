"""The proof that a database holds a dataset: one digest per table, made from the Parquet here and by plain SQL there.

A row's text is its columns in order, each as `<bytes>:<text>`, or `-` for NULL, so that no two rows share a text. The
table's digest is over the sorted SHA-256 of its rows: it depends neither on order nor on collation. It is built in
256 parts (by first byte), because one string in PostgreSQL ends at 1 GB.
"""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox_suite.core.files import canonical, digest
from sandbox_suite.postgres import ddl

if TYPE_CHECKING:
    import polars as pl

    from sandbox_suite.datasets.store import Attested

# PostgreSQL type -> its text. Dates and times as numbers, floats as bits: their own texts follow settings and versions.
AS_SQL = {
    "text": "{0}",
    "date": "({0} - DATE '1970-01-01')::text",
    "time": "(extract(epoch FROM {0}) * 1000000)::bigint::text",
    "timestamp": "(extract(epoch FROM {0}) * 1000000)::bigint::text",
    "timestamptz": "(extract(epoch FROM {0}) * 1000000)::bigint::text",
    "real": "encode(float4send({0}), 'hex')",
    "double precision": "encode(float8send({0}), 'hex')",
    "bytea": "encode({0}, 'hex')",
}
# OFFSET 0 keeps the planner from computing each row's digest once more for the grouping.
TABLE_SQL = """\
SELECT 'sha256:' || encode(sha256(coalesce(string_agg(part, ''::bytea ORDER BY head), '')), 'hex') FROM (
SELECT get_byte(line, 0) AS head, sha256(string_agg(line, ''::bytea ORDER BY line)) AS part FROM (
SELECT sha256(convert_to({fields}, 'UTF8')) AS line FROM ONLY {table} OFFSET 0) AS lines GROUP BY 1) AS parts"""


def expected(attested: "Attested") -> dict[str, str]:
    """Return each table's digest, computed from the attested Parquet."""
    return {table: table_digest(attested.table(table), spec) for table, spec in attested.manifest["tables"].items()}


def table_digest(parquet: Path, table: Mapping[str, Any]) -> str:
    """Return the digest of one table's Parquet."""
    import polars as pl

    return frame_digest(pl.read_parquet(parquet, columns=table["order"]), table)


def frame_digest(frame: "pl.DataFrame", table: Mapping[str, Any]) -> str:
    """Return the digest of one table's rows."""
    import polars as pl
    import polars_hash as plh

    fields = [_field(pl.col(name), spec["type"]) for name, spec in ddl.ordered(table)]
    rows = frame.select(row=pl.concat_str(fields)).select(row=plh.col("row").chash.sha2_256()).sort("row")
    parts = rows.group_by(part=pl.col("row").str.head(2), maintain_order=True).agg(pl.col("row").str.join(""))
    whole = hashlib.sha256()
    for part in parts["row"]:
        whole.update(hashlib.sha256(bytes.fromhex(part)).digest())
    return f"sha256:{whole.hexdigest()}"


def dataset_digest(digests: Mapping[str, str]) -> str:
    """Return the digest of a dataset's content, made of its tables' digests."""
    return digest(canonical(dict(digests)))


def sql(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return, for each table, the SQL that gives its digest as one row with one column."""
    return {name: _table_sql(name, table) for name, table in manifest["tables"].items()}


def _table_sql(name: str, table: Mapping[str, Any]) -> str:
    fields = " || ".join(_sql_field(column, spec["type"]) for column, spec in ddl.ordered(table))
    return TABLE_SQL.format(fields=fields, table=ddl.qualified(name))


def _sql_field(column: str, kind: str) -> str:
    text = AS_SQL.get(ddl.postgres_type(kind), "{0}::text").format(ddl.identifier(column))
    return f"coalesce(octet_length({text}) || ':' || {text}, '-')"


def _field(column: "pl.Expr", kind: str) -> "pl.Expr":
    import polars as pl

    text = _text(column, kind)
    return pl.coalesce(pl.concat_str(text.str.len_bytes().cast(pl.String), pl.lit(":"), text), pl.lit("-"))


def _text(column: "pl.Expr", kind: str) -> "pl.Expr":
    import polars as pl

    texts: dict[str, Callable[[], pl.Expr]] = {
        "text": lambda: column,
        "date": lambda: column.cast(pl.Int32).cast(pl.String),
        "time": lambda: (column.cast(pl.Int64) // 1000).cast(pl.String),
        "timestamp": lambda: column.dt.timestamp("us").cast(pl.String),
        "timestamptz": lambda: column.dt.timestamp("us").cast(pl.String),
        "real": lambda: column.map_batches(_float_bits, return_dtype=pl.String),
        "double precision": lambda: column.map_batches(_float_bits, return_dtype=pl.String),
        "bytea": lambda: column.bin.encode("hex"),
    }
    return texts.get(ddl.postgres_type(kind), lambda: column.cast(pl.String))()


def _float_bits(values: "pl.Series") -> "pl.Series":
    import polars as pl

    width = 4 if values.dtype == pl.Float32 else 8
    raw = values.fill_null(0).to_numpy().astype(f">f{width}").view(f">u{width}")
    bits = pl.Series(values.name, [f"{number:0{2 * width}x}" for number in raw.tolist()], dtype=pl.String)
    return bits.to_frame("bits").select(pl.when(values.is_not_null()).then("bits")).to_series()
