"""Applying a correction to raw tables, row group by row group. Messages name places of the file, never values."""

import datetime
import decimal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox_suite.core.errors import RequestError
from sandbox_suite.datasets import raw
from sandbox_suite.datasets.patch_rows import Change
from sandbox_suite.datasets.sources import Stored, stored

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

TRUTH = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


@dataclass
class _Work:
    """The changes of one table on their way through its rows."""

    name: str
    spec: Mapping[str, Any]
    changes: Sequence[Change]
    keys: "pl.DataFrame"  # primary key, and `change`: its number
    values: Mapping[int, Any]  # {change: the value, as the column's type has it}
    hits: dict[int, int] = field(default_factory=dict)  # {change: rows it met}


def apply(parent: Stored, changes: Sequence[Change], out: Path) -> dict[str, Any]:
    """Write the changed tables into `out`, link the others; return the tables of the new manifest.

    RequestError names every change that fits no table, column, type or row, or leaves a foreign key without its row.
    """
    tables = parent.manifest["tables"]
    _refuse(_mistakes(tables, changes))
    made, works = {}, []
    for name, spec in tables.items():
        own = [change for change in changes if change.table == name]
        path = out / f"{name}.parquet"
        if own:
            works.append(_work(name, spec, own, parent))
            made[name] = _written(works[-1], parent, path)
        else:
            path.hardlink_to(parent.folder / "tables" / path.name)
            made[name] = spec
    _refuse([said for work in works for said in _missed(work)])
    _refuse(list(_dangling(made, {work.name for work in works}, out)))
    return made


def _refuse(mistakes: Sequence[str]) -> None:
    if mistakes:
        raise RequestError("\n".join(mistakes), remedy="correct the file of changes")


def _mistakes(tables: Mapping[str, Any], changes: Sequence[Change]) -> list[str]:
    return [f"{change.place}: {said}" for change in changes if (said := _mistake(tables.get(change.table), change))]


def _mistake(table: Mapping[str, Any] | None, change: Change) -> str:
    if table is None:
        return f"there is no table `{change.table}`"
    if len(change.key) != len(table["primary_key"]):
        return f"the key has {len(change.key)} parts, the primary key {len(table['primary_key'])}"
    if change.deletes:
        return ""
    if change.column not in table["columns"]:
        return f"table `{change.table}` has no column `{change.column}`"
    if change.column in table["primary_key"]:
        return "a primary key does not change: delete the row, and add it to the source"
    return ""


def _work(name: str, spec: Mapping[str, Any], changes: Sequence[Change], parent: Stored) -> _Work:
    import polars as pl

    types = pl.read_parquet_schema(parent.folder / "tables" / f"{name}.parquet")
    mistakes: list[str] = []
    keys = [
        pl.Series(
            column, [_typed(change.key[at], types[column], change, mistakes) for change in changes], types[column]
        )
        for at, column in enumerate(spec["primary_key"])
    ]
    values: dict[int, Any] = {}
    for number, change in enumerate(changes):
        if not change.deletes:
            said = None if change.blank and types[change.column] != pl.String else change.value
            values[number] = _typed(said, types[change.column], change, mistakes)
            if values[number] is None and not spec["columns"][change.column]["nullable"]:
                mistakes.append(f"{change.place}: column `{change.column}` may not be NULL")
    _refuse(list(dict.fromkeys(mistakes)))
    numbers = pl.Series("change", range(len(changes)), pl.Int64)
    return _Work(name, spec, changes, pl.DataFrame([*keys, numbers]), values)


def _typed(text: str | None, kind: "pl.DataType", change: Change, mistakes: list[str]) -> Any:
    """Return a text as a value of a column's type; a mistake where it is none."""
    import polars as pl

    if text is None:
        return None
    try:
        return pl.Series([_parsed(text, kind)], dtype=kind, strict=True)[0]
    except (ValueError, KeyError, TypeError, OverflowError, decimal.InvalidOperation, pl.exceptions.PolarsError):
        mistakes.append(f"{change.place}: what stands there is no {kind}")
        return None


def _parsed(text: str, kind: "pl.DataType") -> Any:
    import polars as pl

    if kind == pl.Boolean:
        return TRUTH[text.lower()]
    if kind == pl.Date:
        return datetime.date.fromisoformat(text)
    if isinstance(kind, pl.Datetime):
        moment = datetime.datetime.fromisoformat(text)
        if (moment.tzinfo is None) != (kind.time_zone is None):
            raise ValueError("a time with a zone where none is, or the other way round")
        return moment
    if kind == pl.Time:
        return datetime.time.fromisoformat(text)
    if kind == pl.Binary:
        return bytes.fromhex(text)
    if isinstance(kind, pl.Decimal):
        return decimal.Decimal(text)
    return int(text) if kind.is_integer() else float(text) if kind.is_float() else text


def _written(work: _Work, parent: Stored, path: Path) -> dict[str, Any]:
    """Write the changed table; return its part of the manifest."""
    batches = (_changed(batch, work) for batch in parent.batches(work.name))
    return raw.write(batches, path, stored.columns(work.spec), parent.tables[work.name])


def _changed(batch: "pa.Table", work: _Work) -> "pa.Table":
    import polars as pl

    frame = pl.from_arrow(batch)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("a batch is a table")
    at = "row of the batch"  # no column is called so: names have no spaces
    frame = frame.with_row_index(at)
    met = work.keys.join(frame.select(at, *work.spec["primary_key"]), on=work.spec["primary_key"]).select("change", at)
    for number, row in met.iter_rows():
        work.hits[number] = work.hits.get(number, 0) + 1
        change = work.changes[number]
        if not change.deletes:
            value = pl.lit(work.values[number], dtype=frame.schema[change.column])
            frame = frame.with_columns(
                pl.when(pl.col(at) == row).then(value).otherwise(change.column).alias(change.column)
            )
    gone = [row for number, row in met.iter_rows() if work.changes[number].deletes]
    left = frame.filter(~pl.col(at).is_in(gone)).drop(at)
    return left.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(batch.schema)


def _missed(work: _Work) -> list[str]:
    counted = [(change, work.hits.get(number, 0)) for number, change in enumerate(work.changes)]
    return [
        f"{change.place}: "
        + (f"{count} rows of `{work.name}` have this key" if count else f"no row of `{work.name}` has this key")
        for change, count in counted
        if count != 1
    ]


def _dangling(tables: Mapping[str, Any], touched: set[str], out: Path) -> Iterator[str]:
    """Yield the foreign keys that no longer lead to a row."""
    import polars as pl

    for name, spec in tables.items():
        for column, aim in spec["foreign_keys"].items():
            owner, _, key = aim.partition(".")
            if not {name, owner} & touched or owner not in tables:
                continue
            rows = pl.scan_parquet(out / f"{name}.parquet").select(pl.col(column).alias(key)).drop_nulls()
            there = pl.scan_parquet(out / f"{owner}.parquet").select(key)
            lost = rows.join(there, on=key, how="anti").select(pl.len()).collect().item()
            if lost:
                yield f"{name}.{column}: {lost} rows would refer to rows of `{owner}` that are not there"
