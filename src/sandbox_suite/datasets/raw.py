"""Raw versions: the rows of a source as they came, stored once under the digest of what they follow from."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox_suite.core.files import canonical, digest, file_digest
from sandbox_suite.datasets.store import Store

if TYPE_CHECKING:
    from sandbox_suite.datasets.sources import Column, Source

LOOK_ROWS = 20  # of a generated table, where only its columns are asked for


def keep(source: "Source", store: Store, work: Path) -> str:
    """Store the raw tables of `source`, once, and return the version; `work` is an empty private folder."""
    known = _known(source, store)
    if known:
        return known
    folder = work / "raw"
    folder.mkdir()
    head = {"schema": 1, "state": "raw", "name": source.name, "version": source.version}
    manifest = {**head, "source": source_digest(source), "tables": _write(source, folder)}
    version = store.commit(manifest, folder, None)
    store.point(version, "raw", source.name, source.version)
    return version


def columns(source: "Source", root: Path) -> "dict[str, dict[str, Column]]":
    """Return a source's columns without writing; cheap where its raw version is stored below `root`, or generated."""
    from sandbox_suite.datasets.sources import Column

    store = Store(root) if root.exists() else None
    known = _known(source, store) if store else None
    if store is None or known is None:
        return _few(source).schema()
    return {
        name: {column: Column(**spec) for column, spec in table["columns"].items()}
        for name, table in store.manifest(known)["tables"].items()
    }


def source_digest(source: "Source") -> str:
    """Return the digest of what raw rows follow from: the document, and the files' bytes or the generator's code."""
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


def _write(source: "Source", folder: Path) -> dict[str, Any]:
    import pyarrow.parquet as pq

    tables, schema = {}, source.schema()
    for name, table in source.tables.items():
        rows = source.read(name)
        path = folder / f"{name}.parquet"
        pq.write_table(rows, path, compression="zstd")
        tables[name] = {
            "rows": rows.num_rows,
            "primary_key": list(table.primary_key),
            "foreign_keys": dict(table.foreign_keys),
            "order": list(rows.column_names),
            "columns": {column: dataclasses.asdict(spec) for column, spec in schema[name].items()},
            "file_digest": file_digest(path),
        }
    return tables


def _few(source: "Source") -> "Source":
    """Return a generated source with few rows: their columns are the same."""
    generator = source.document.generator
    if generator is None:
        return source
    rows = {name: min(count, LOOK_ROWS) for name, count in generator.rows.items()}
    few = source.document.model_copy(update={"generator": generator.model_copy(update={"rows": rows})})
    return dataclasses.replace(source, document=few)
