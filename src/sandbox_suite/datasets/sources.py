"""Sources: raw tables described by a small YAML file, made by a generator or read from CSV and Parquet files.

dataset: customer-sample
version: "2025-01"
generator: {kind: customers, seed: 2025, rows: {customers: 20000, orders: 60000, notes: 20000}}
# or: files: {customers: customers.parquet, orders: orders.csv}
tables:
  customers: {primary_key: [customer_id], columns: {birth_date: date}}      # types: for CSV files
  orders: {primary_key: [order_id], foreign_keys: {customer_id: customers.customer_id}}
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sandbox_suite.core import documents
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import canonical, digest, file_digest

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 125_000  # rows of a batch: what one worker holds at a time
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Reference = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,62}$")]
Type = Literal["int64", "float64", "text", "bool", "date", "timestamp"]


class Closed(BaseModel):
    """A part of a document that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TableDocument(Closed):
    """A table as the document describes it."""

    primary_key: list[Name] = Field(min_length=1)
    foreign_keys: dict[Name, Reference] = {}
    columns: dict[Name, Type] = {}


class Generator(Closed):
    """A generator with its seed and how many rows each table gets."""

    kind: Literal["customers"]
    seed: int = Field(ge=0)
    rows: dict[Literal["customers", "orders", "notes"], Annotated[int, Field(ge=1, le=5_000_000)]]


class SourceDocument(Closed):
    """The whole document."""

    dataset: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    generator: Generator | None = None
    files: dict[Name, str] = {}
    tables: dict[Name, TableDocument] = Field(min_length=1)

    @model_validator(mode="after")
    def _whole(self) -> SourceDocument:
        mistakes = []
        if (self.generator is None) == (not self.files):
            mistakes.append("either `generator` or `files` is needed, not both")
        given = set(self.files) if self.files else {"customers", "orders", "notes"}
        mistakes += [f"table `{name}` has no file" for name in sorted(set(self.tables) - given)]
        mistakes += [f"table `{name}` is not described under `tables`" for name in sorted(given - set(self.tables))]
        for name, table in self.tables.items():
            aims = {column: aim.partition(".")[0] for column, aim in table.foreign_keys.items()}
            mistakes += [
                f"`{name}.{column}` refers to unknown table `{aim}`"
                for column, aim in aims.items()
                if aim not in self.tables
            ]
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self


@dataclass(frozen=True)
class Column:
    """A column of a raw table: `type` as Arrow spells it, whether a NULL occurs or may occur."""

    type: str
    nullable: bool


@dataclass(frozen=True)
class Table:
    """A raw table's keys. `foreign_keys` maps a column to `table.column`."""

    name: str
    primary_key: tuple[str, ...]
    foreign_keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """A raw data set: name, version, tables, and how to read them. Holds no rows until a table is read."""

    name: str
    version: str
    tables: Mapping[str, Table]
    document: SourceDocument
    folder: Path  # what `files` is relative to

    def read(self, table: str) -> pa.Table:
        """Return a whole table; RequestError where its file is missing, broken or not what was described."""
        return _read(self, table)

    def batches(self, table: str, rows: int = ROW_GROUP) -> Iterator[pa.Table]:
        """Yield a table in slices of at most `rows` rows, in order; an empty table yields one empty slice."""
        whole = self.read(table)
        for start in range(0, max(whole.num_rows, 1), rows):
            yield whole.slice(start, rows)

    def schema(self) -> dict[str, dict[str, Column]]:
        """Return {table: {column: Column}} of what is really there."""
        return {name: _columns(self.read(name), self.tables[name]) for name in self.tables}

    def digest(self) -> str:
        """Return the digest of what defines the rows: generator with seed, or the files' bytes, and the keys."""
        from sandbox_suite.datasets import example

        files = {name: file_digest(self.folder / file) for name, file in self.document.files.items()}
        shown: dict[str, Any] = self.document.model_dump(mode="json") | {"files": files}
        return digest(canonical(shown | {"made_by": example.VERSION if self.document.generator else "files"}))


def load(path: Path) -> Source:
    """Return the source that `path` (a YAML file, or a folder with `dataset.yaml`) describes."""
    file = path / "dataset.yaml" if path.is_dir() else path
    document = documents.load(file, SourceDocument, "data set")
    tables = {
        name: Table(name, tuple(item.primary_key), dict(item.foreign_keys)) for name, item in document.tables.items()
    }
    return Source(document.dataset, document.version, tables, document, file.parent)


@functools.lru_cache(maxsize=4)
def _generated(seed: int, rows: tuple[tuple[str, int], ...]) -> Mapping[str, pa.Table]:
    from sandbox_suite.datasets import example

    return example.make(seed, dict(rows))


def _read(source: Source, name: str) -> pa.Table:
    if name not in source.tables:
        raise RequestError(f"data set `{source.name}` has no table `{name}`: it has {', '.join(source.tables)}")
    made = source.document.generator
    if made:
        table = _generated(made.seed, tuple(sorted(made.rows.items())))[name]
    else:
        table = _file(source.folder / source.document.files[name], source.document.tables[name].columns)
    _check(table, source, name)
    return table


def _file(path: Path, types: Mapping[str, str]) -> pa.Table:
    import polars as pl
    import pyarrow as pa

    try:
        if path.suffix == ".parquet":
            frame = pl.read_parquet(path)
        elif path.suffix == ".csv":
            _unique_header(path)
            as_text = dict.fromkeys(types, pl.String)  # a guessed number would lose its leading zeros
            frame = pl.read_csv(path, infer_schema_length=None, schema_overrides=as_text)
            frame = frame.with_columns(_cast(name, kind) for name, kind in types.items() if name in frame.columns)
        else:
            raise RequestError(f"{path.name}: not .csv or .parquet")
        return _plain(frame.to_arrow(compat_level=pl.CompatLevel.oldest()))
    except (OSError, UnicodeDecodeError, pl.exceptions.PolarsError, pa.ArrowException) as error:
        said = str(error).splitlines()[0] if not isinstance(error, pl.exceptions.PolarsError) else _without_value(error)
        raise RequestError(f"{path.name}: cannot be read: {said}", remedy="give a whole, UTF-8 file") from error


def _without_value(error: Exception) -> str:
    """Return what a parser complained of without the cell that it quotes."""
    return re.sub(r"[`'\"][^`'\"]*[`'\"]", "…", str(error).splitlines()[0])[:200]


def _unique_header(path: Path) -> None:
    import csv

    with path.open(encoding="utf-8-sig", newline="") as file:
        header = next(csv.reader(file), [])
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice or not header:
        raise RequestError(f"{path.name}: " + (f"column `{'`, `'.join(twice)}` stands twice" if twice else "is empty"))


def _cast(name: str, kind: str) -> Any:
    import polars as pl

    column = pl.col(name)
    if kind == "date":
        return column.str.to_date("%Y-%m-%d")
    if kind == "timestamp":
        return column.str.replace("T", " ").str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us")
    if kind == "bool":
        truth = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
        return column.str.to_lowercase().replace_strict(truth, return_dtype=pl.Boolean)
    return column.cast({"int64": pl.Int64, "float64": pl.Float64, "text": pl.String}[kind])


def _plain(table: pa.Table) -> pa.Table:
    """Spell types one way: text is `string`, times are in microseconds."""
    import pyarrow as pa

    def spelled(kind: pa.DataType) -> pa.DataType:
        if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_dictionary(kind):
            return pa.string()
        return pa.timestamp("us", tz=kind.tz) if pa.types.is_timestamp(kind) else kind

    return table.cast(pa.schema([pa.field(item.name, spelled(item.type), item.nullable) for item in table.schema]))


def _columns(table: pa.Table, keys: Table) -> dict[str, Column]:
    return {
        item.name: Column(str(item.type), item.name not in keys.primary_key and item.nullable) for item in table.schema
    }


def _check(table: pa.Table, source: Source, name: str) -> None:
    present = set(table.column_names)
    wanted = [*source.tables[name].primary_key, *source.tables[name].foreign_keys]
    wanted += list(source.document.tables[name].columns)
    missing = [column for column in dict.fromkeys(wanted) if column not in present]
    odd = [column for column in table.column_names if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", column)]
    mistakes = [f"{name}.{column}: is described, but the table has no such column" for column in missing]
    mistakes += [f"{name}.{column}: column names are lower-case letters, digits and _" for column in odd]
    if mistakes:
        raise RequestError("\n".join(mistakes), remedy=f"correct the data set {source.name}")
