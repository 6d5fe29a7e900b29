"""Sources that a YAML file describes: made by a generator, or read from the CSV and Parquet files beside it."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox_suite.core import documents
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import canonical, digest, file_digest
from sandbox_suite.datasets.sources.document import SourceDocument
from sandbox_suite.datasets.sources.found import Found, misnamed
from sandbox_suite.datasets.sources.model import Column, Source, Table

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Described(Source):
    """A source with its document, and the folder that `files` is relative to."""

    document: SourceDocument
    folder: Path

    def schema(self) -> dict[str, dict[str, Column]]:
        """Return {table: {column: Column}} of what is really there."""
        return {name: self.columns(name) for name in self.tables}

    def digest(self) -> str:
        """Return the digest of what defines the rows: generator with seed, or the files' bytes, and the keys."""
        from sandbox_suite.datasets import example

        files = {name: file_digest(self.folder / file) for name, file in self.document.files.items()}
        shown: dict[str, Any] = self.document.model_dump(mode="json") | {"files": files}
        return digest(canonical(shown | {"made_by": example.VERSION if self.document.generator else "files"}))

    def stream(self, table: str) -> Iterator[pa.Table]:
        """Yield a table's rows; a generator makes all of them at once."""
        if self.document.generator is None:
            yield from self._found[table].rows()
        else:
            made = self._generated()[table]
            _check({item.name for item in made.schema}, self, table)
            yield made

    def columns(self, table: str) -> dict[str, Column]:
        """Return the columns of one table, as they are really there."""
        keys = self.tables[table].primary_key
        if self.document.generator:
            _check(set(self._generated()[table].column_names), self, table)
            there = {item.name: Column(str(item.type), item.nullable) for item in self._generated()[table].schema}
        else:
            there = dict(self._found[table].columns)
        return {
            name: Column(item.type, name not in keys and item.nullable, item.comment) for name, item in there.items()
        }

    def _generated(self) -> Mapping[str, pa.Table]:
        made = self.document.generator
        if made is None:
            raise TypeError("this source has no generator")
        return _made(made.seed, tuple(sorted(made.rows.items())))

    @functools.cached_property
    def _found(self) -> Mapping[str, Found]:
        return _Lazy(self)


class _Lazy(dict[str, Found]):
    """{table: what its file holds}, each looked at when it is first asked for."""

    def __init__(self, source: Described) -> None:
        self._source = source

    def __missing__(self, name: str) -> Found:
        source = self._source
        self[name] = found = file(source.folder / source.document.files[name], name, source.document)
        _check(set(found.columns), source, name)
        return found


def load(path: Path) -> Described:
    """Return the source that `path` (a YAML file, or a folder with `dataset.yaml`) describes."""
    file = path / "dataset.yaml" if path.is_dir() else path
    document = documents.load(file, SourceDocument, "data set")
    tables = {
        name: Table(name, tuple(item.primary_key), dict(item.foreign_keys)) for name, item in document.tables.items()
    }
    return Described(document.dataset, document.version, tables, document, file.parent)


def file(path: Path, table: str, document: SourceDocument) -> Found:
    """Return what the file of a described table holds."""
    from sandbox_suite.datasets.sources import csv_files, parquet_files
    from sandbox_suite.datasets.sources.texts import PLAIN

    kinds = document.tables[table].columns
    try:
        if path.suffix == ".parquet":
            return parquet_files.found(path, table)
        if path.suffix == ".csv":
            return csv_files.found(path, table, {name: csv_files.TYPES[kind] for name, kind in kinds.items()}, PLAIN)
    except OSError as error:
        raise RequestError(
            f"{path.name}: cannot be read: {error.strerror or error}", remedy="correct `files`"
        ) from error
    raise RequestError(f"{path.name}: not .csv or .parquet")


@functools.lru_cache(maxsize=4)
def _made(seed: int, rows: tuple[tuple[str, int], ...]) -> Mapping[str, pa.Table]:
    from sandbox_suite.datasets import example

    return example.make(seed, dict(rows))


def _check(present: set[str], source: Described, name: str) -> None:
    wanted = [*source.tables[name].primary_key, *source.tables[name].foreign_keys]
    wanted += list(source.document.tables[name].columns)
    missing = [column for column in dict.fromkeys(wanted) if column not in present]
    mistakes = [f"{name}.{column}: is described, but the table has no such column" for column in missing]
    mistakes += misnamed(Found(name, name, dict.fromkeys(sorted(present), Column("string", True)), lambda: iter(())))
    if mistakes:
        raise RequestError("\n".join(mistakes), remedy=f"correct the data set {source.name}")
