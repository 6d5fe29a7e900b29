"""The columns of whole data sets: looked at batch by batch, then labelled together, so that keys and rows can speak."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from sandbox_suite.datasets.detection import texts
from sandbox_suite.datasets.detection.columns import label
from sandbox_suite.datasets.detection.counting import Look
from sandbox_suite.datasets.detection.evidence import Evidence, Label
from sandbox_suite.datasets.sources import Source

BATCH = 65_536  # rows
HEAD = 2_000  # rows that are compared column with column
LONG = 4  # characters of a name that another column must repeat
REPEATED = 0.01  # share of rows

Labels = dict[str, dict[str, Label]]  # {table: {column: Label}}


@dataclass
class Seen:
    """A table that was looked at."""

    columns: dict[str, Look] = field(default_factory=dict)
    head: pl.DataFrame = field(default_factory=pl.DataFrame)


def see(batches: Iterable[Any], columns: Iterable[str] | None = None) -> Seen:
    """Look at a table once; `batches` are Arrow tables or record batches, of which one is held at a time."""
    seen, wanted = Seen(), set(columns) if columns is not None else None
    for batch in batches:
        for name in batch.schema.names:
            if wanted is None or name in wanted:
                found = seen.columns.setdefault(name, Look())
                found.type = str(batch.schema.field(name).type)
                found.add(_series(batch, name))
        if not len(seen.head):
            seen.head = _head(batch, seen.columns)
    return seen


def parquet(path: Path) -> Iterator[Any]:
    """Yield the batches of a Parquet file."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(BATCH)


def label_source(source: Source) -> Labels:
    """Return the label of every column of a source."""
    schema = source.schema()
    comments = {name: {column: item.comment for column, item in columns.items()} for name, columns in schema.items()}
    keys = {name: table.foreign_keys for name, table in source.tables.items()}
    return label_all({name: source.batches(name) for name in source.tables}, keys, comments)


def label_all(
    tables: Mapping[str, Iterable[Any]],
    foreign_keys: Mapping[str, Mapping[str, str]],
    comments: Mapping[str, Mapping[str, str]] | None = None,
) -> Labels:
    """Return the label of every column of every table; tables are read one after the other."""
    labels: Labels = {}
    for name, batches in tables.items():
        labels[name] = _labelled(name, see(batches), (comments or {}).get(name, {}))
    for name, keys in foreign_keys.items():
        for column, target in keys.items():
            table, _, aim = target.partition(".")
            known, own = labels.get(table, {}).get(aim), labels.get(name, {}).get(column)
            if known and own and known.kind and not own.sure:
                labels[name][column] = _linked(own, known)
    return labels


def _labelled(table: str, seen: Seen, comments: Mapping[str, str]) -> dict[str, Label]:
    labels = {name: label(found, name, comments.get(name, ""), table) for name, found in seen.columns.items()}
    people = [name for name, found in labels.items() if found.kind == "name"]
    for name, found in labels.items():
        if found.kind in ("", "free_text") and texts.is_prose(seen.columns[name]) and name in seen.head.columns:
            labels[name] = _with_row(found, seen, name, people)
    return labels


def _with_row(found: Label, seen: Seen, column: str, people: list[str]) -> Label:
    """Add what a text repeats of the names beside it."""
    for other in people:
        rows = seen.head.select(text=pl.col(column).str.to_lowercase(), own=pl.col(other).str.to_lowercase())
        rows = rows.filter(pl.col("own").str.len_chars() >= LONG)
        share = float(rows.select(pl.col("text").str.contains(pl.col("own"), literal=True).mean()).item() or 0)
        if share >= REPEATED:
            values = seen.columns[column].values
            item = Evidence(
                "name", "same-row", f"repeats `{other}` of its row", round(share * values), values, inside=True
            )
            found = dataclasses.replace(found, kind="free_text", sure=True, evidence=(*found.evidence, item))
    return found


def _linked(own: Label, known: Label) -> Label:
    item = Evidence(known.kind, "foreign-key", "refers to a column of this kind", 0, own.rows, strong=known.sure)
    return dataclasses.replace(own, kind=known.kind, sure=known.sure, evidence=(*own.evidence, item), form="")


def _series(batch: Any, name: str) -> pl.Series:
    try:
        made = pl.from_arrow(batch.column(name))
    except (pl.exceptions.PolarsError, ValueError, TypeError, NotImplementedError):  # a type that polars does not have
        return pl.Series(name, [None] * batch.num_rows, dtype=pl.Null)
    return made if isinstance(made, pl.Series) else made.to_series()


def _head(batch: Any, columns: Iterable[str]) -> pl.DataFrame:
    few = batch.slice(0, HEAD)
    series = [_series(few, name).alias(name) for name in columns]
    return pl.DataFrame([item for item in series if item.dtype == pl.String])
