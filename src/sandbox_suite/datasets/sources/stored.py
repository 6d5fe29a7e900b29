"""Sources that are stored already: the raw versions that `dataset.import` made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import read_json
from sandbox_suite.datasets.sources.model import Column, Source, Table

if TYPE_CHECKING:
    import pyarrow as pa

STEP = 31_250  # rows read at a time, by one thread: a whole row group at once, by several, needs four times its size


@dataclass(frozen=True)
class Stored(Source):
    """A raw version of the store: `folder` holds its manifest.json and its tables/*.parquet."""

    folder: Path
    manifest: Mapping[str, Any]

    def schema(self) -> dict[str, dict[str, Column]]:
        """Return {table: {column: Column}}, as the manifest says."""
        return {name: columns(table) for name, table in self.manifest["tables"].items()}

    def digest(self) -> str:
        """Return the digest of rows and keys that the manifest names."""
        return str(self.manifest["source"])

    def stream(self, table: str) -> Iterator[pa.Table]:
        """Yield a table's row groups."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self.folder / "tables" / f"{table}.parquet", pre_buffer=False) as file:
                for batch in file.iter_batches(batch_size=STEP, use_threads=False):
                    yield pa.Table.from_batches([batch])
                if not file.metadata.num_rows:
                    yield file.schema_arrow.empty_table()
        except (OSError, pa.ArrowException) as error:
            raise RequestError(
                f"the stored file of table `{table}` of {self.name}@{self.version} cannot be read: {error}",
                remedy="import the version again",
            ) from error


def load(folder: Path) -> Stored:
    """Return the raw version in `folder` as a source."""
    manifest = read_json(folder / "manifest.json")
    tables = {name: _table(name, table) for name, table in manifest["tables"].items()}
    return Stored(manifest["name"], manifest["version"], tables, folder, manifest)


def columns(table: Mapping[str, Any]) -> dict[str, Column]:
    """Return the columns of a table of a manifest, in their order."""
    described = ((name, table["columns"][name]) for name in table["order"])
    return {name: Column(item["type"], item["nullable"], item.get("comment", "")) for name, item in described}


def _table(name: str, table: Mapping[str, Any]) -> Table:
    keys = tuple(table["primary_key"]), dict(table["foreign_keys"])
    return Table(name, *keys, table.get("comment", ""), tuple(table.get("discovered", ())))
