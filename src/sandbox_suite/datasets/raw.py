"""Raw versions: the rows of a source as they came, stored once under the digest of what they follow from."""

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox_suite.core.files import canonical, digest, file_digest
from sandbox_suite.datasets.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

    from sandbox_suite.datasets.sources import Column, Source, Table

ORIGIN = "origin.json"  # beside an imported version's manifest: {"from", "at", "by"}
LOOK_ROWS = 20  # of a generated table, where only its columns are asked for


def keep(source: "Source", store: Store, work: Path) -> str:
    """Store the raw tables of `source`, once, and return the version; `work` is an empty private folder."""
    from sandbox_suite.datasets.sources.plain import proper

    known = _known(source, store)
    if known:
        return known
    folder = work / "raw"
    folder.mkdir()
    schema, tables = source.schema(), {}
    for name, table in source.tables.items():
        batches = proper(source.batches(name), name)
        tables[name] = write(batches, folder / f"{name}.parquet", schema[name], table)
    return commit(store, source.name, source.version, source_digest(source), tables, folder)


def commit(store: Store, name: str, version: str, source: str, tables: Mapping[str, Any], folder: Path) -> str:
    """Make the written tables in `folder` the raw version `name@version` and return its digest (hex)."""
    head = {"schema": 1, "state": "raw", "name": name, "version": version}
    made = store.commit({**head, "source": source, "tables": tables}, folder, None)
    store.point(made, "raw", name, version)
    return made


def write(batches: "Iterable[pa.Table]", path: Path, columns: "Mapping[str, Column]", keys: "Table") -> dict[str, Any]:
    """Write a table's rows, one row group per batch, and return its part of the manifest."""
    import pyarrow.parquet as pq

    from sandbox_suite.datasets.sources import plain

    schema, rows = plain.schema(columns), 0
    contents = {name: Content() for name in columns}
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_table(batch.cast(schema), row_group_size=max(batch.num_rows, 1))
            rows += batch.num_rows
            for name, content in contents.items():
                content.add(batch[name])
    return {
        "rows": rows,
        "file_digest": file_digest(path),
        "content": digest(canonical({name: content.digest() for name, content in contents.items()})),
        **described(columns, keys),
    }


def described(columns: "Mapping[str, Column]", keys: "Table") -> dict[str, Any]:
    """Return what a manifest says of a table beside its rows."""
    return {
        "primary_key": list(keys.primary_key),
        "foreign_keys": dict(keys.foreign_keys),
        "discovered": list(keys.discovered),
        "comment": keys.comment,
        "order": list(columns),
        "columns": {name: dataclasses.asdict(item) for name, item in columns.items()},
    }


class Content:
    """The digest of a column's values: the same however they are cut into batches, and whatever writes the Parquet."""

    def __init__(self) -> None:
        self._shape = hashlib.sha256()  # NULL or not; lengths of texts
        self._values = hashlib.sha256()

    def add(self, values: "pa.ChunkedArray") -> None:
        """Take the next values."""
        import pyarrow as pa
        import pyarrow.compute as pc

        for chunk in values.chunks:
            if pa.types.is_string(chunk.type) or pa.types.is_binary(chunk.type):
                self._shape.update(pc.fill_null(pc.binary_length(chunk), -1).to_numpy(zero_copy_only=False).tobytes())
                whole = pa.concat_arrays([chunk.cast(pa.binary()).drop_null()])  # without what a slice leaves out
                start, end = _bounds(whole)
                self._values.update(memoryview(whole.buffers()[2] or b"")[start:end])
            else:
                self._shape.update(pc.is_valid(chunk).to_numpy(zero_copy_only=False).tobytes())
                self._values.update(_fixed(chunk.drop_null()))

    def digest(self) -> str:
        """Return the digest of all values so far."""
        return hashlib.sha256(self._shape.digest() + self._values.digest()).hexdigest()


def _bounds(values: "pa.Array") -> tuple[int, int]:
    import numpy as np

    if not len(values):
        return 0, 0
    offsets = np.frombuffer(values.buffers()[1], dtype=np.int32)
    return int(offsets[values.offset]), int(offsets[values.offset + len(values)])


def _fixed(values: "pa.Array") -> bytes:
    import pyarrow as pa

    if pa.types.is_boolean(values.type):
        return bytes(values.cast(pa.uint8()).to_numpy(zero_copy_only=False).tobytes())
    if not len(values):
        return b""
    width = values.type.bit_width // 8
    return bytes(memoryview(values.buffers()[1])[values.offset * width : (values.offset + len(values)) * width])


def columns(source: "Source", root: Path) -> "dict[str, dict[str, Column]]":
    """Return a source's columns without writing; cheap where its raw version is stored below `root`, or generated."""
    from sandbox_suite.datasets.sources import stored

    store = Store(root) if root.exists() else None
    known = _known(source, store) if store else None
    if store is None or known is None:
        return _few(source).schema()
    return {name: stored.columns(table) for name, table in store.manifest(known)["tables"].items()}


def source_digest(source: "Source") -> str:
    """Return the digest of what raw rows follow from: the document, and the files' bytes or the generator's code."""
    from sandbox_suite.datasets.sources import Described

    if not isinstance(source, Described):
        return source.digest()
    document = source.document
    made_by = {name: file_digest(source.folder / file) for name, file in document.files.items()}
    if document.generator:
        made_by = {path.name: file_digest(path) for path in sorted((Path(__file__).parent / "example").glob("*.py"))}
    return digest(canonical([document.model_dump(mode="json"), made_by]))


def _known(source: "Source", store: Store) -> str | None:
    version = store.pointer("raw", source.name, source.version)
    if version is None or not (store.raw(version) / "manifest.json").exists():
        return None
    return version if store.manifest(version)["source"] == source_digest(source) else None


def _few(source: "Source") -> "Source":
    """Return a generated source with few rows: their columns are the same."""
    from sandbox_suite.datasets.sources import Described

    if not isinstance(source, Described) or source.document.generator is None:
        return source
    rows = {name: min(count, LOOK_ROWS) for name, count in source.document.generator.rows.items()}
    generator = source.document.generator.model_copy(update={"rows": rows})
    few: Described = dataclasses.replace(source, document=source.document.model_copy(update={"generator": generator}))
    return few
