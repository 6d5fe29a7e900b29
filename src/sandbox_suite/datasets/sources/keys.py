"""Keys of tables that are written: declared ones are proved, missing ones discovered by uniqueness and inclusion.

A column is compared through 64-bit hashes of its values: eight bytes a row, one column at a time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox_suite.datasets.sources import naming
from sandbox_suite.datasets.sources.found import Found
from sandbox_suite.datasets.sources.mistakes import Mistakes
from sandbox_suite.datasets.sources.model import ROW_GROUP, Column, Table

if TYPE_CHECKING:
    import numpy as np

WIDEST = 6  # columns that are tried in pairs
NAME_KEY = "name it: `--key TABLE=COLUMN,COLUMN`, or describe the table in a data set's YAML"


@dataclass(frozen=True)
class Written:
    """A table that was found, and its rows on disk."""

    found: Found
    path: Path
    rows: int

    def hashes(self, columns: Sequence[str]) -> tuple[np.ndarray, int]:
        """Return a hash per row that has a value in each of the columns, and how many rows have not."""
        import numpy as np
        import polars as pl
        import pyarrow.parquet as pq

        parts, absent = [], 0
        with pq.ParquetFile(self.path, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=ROW_GROUP, columns=list(columns)):
                frame = pl.DataFrame(pl.from_arrow(batch)).select(columns).cast({pl.selectors.integer(): pl.Int64})
                whole = frame.drop_nulls()
                absent += frame.height - whole.height
                parts.append(whole.hash_rows().to_numpy())
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.uint64), absent

    def twice(self, columns: Sequence[str]) -> tuple[int, int]:
        """Return how many rows repeat an earlier row's key, and how many have a NULL in it."""
        import numpy as np

        hashes, absent = self.hashes(columns)
        return hashes.size - np.unique(hashes).size, absent


def settle(
    tables: Mapping[str, Written], given: Mapping[str, Sequence[str]], ignored: Iterable[str], mistakes: Mistakes
) -> dict[str, Table]:
    """Return the keys of every table. `given` are primary keys by table, `ignored` foreign keys as `table.column`."""
    made = {name: _primary(item, given.get(name, ()), mistakes) for name, item in tables.items()}
    dropped = set(ignored)
    keyed = {name: table for name, table in made.items() if table}
    for name in keyed:
        declared = {
            column: aim for column, aim in tables[name].found.foreign_keys.items() if f"{name}.{column}" not in dropped
        }
        _prove(name, declared, tables, keyed, mistakes)
        keyed[name] = replace(keyed[name], foreign_keys=declared)
    for name, column, aim in _discovered(tables, keyed, dropped):
        keyed[name] = _with_key(keyed[name], column, aim)
    for circle in naming.circles({name: set(_aims(table)) for name, table in keyed.items()}):
        mistakes.add(
            f"foreign keys go round in a circle: {' -> '.join(circle)}",
            "leave one of them out: `--ignore-key TABLE.COLUMN`",
        )
    return keyed


def _primary(table: Written, given: Sequence[str], mistakes: Mistakes) -> Table | None:
    found = table.found
    wanted = tuple(given) or found.primary_key
    if not wanted:
        return _discover(table, mistakes)
    missing = [column for column in wanted if column not in found.columns]
    if missing:
        mistakes.add(f"{found.place}: the key names `{'`, `'.join(missing)}`, which is no column", NAME_KEY)
        return None
    repeated, absent = table.twice(wanted)
    for count, said in ((repeated, "repeat the key of an earlier row"), (absent, "have a NULL in the key")):
        if count:
            mistakes.add(f"{found.place}: {count} rows {said} ({', '.join(wanted)})", "correct the rows, or the key")
    return Table(found.name, wanted, {}, found.comment)


def _discover(table: Written, mistakes: Mistakes) -> Table | None:
    found = table.found
    if not table.rows:
        said = f"{found.place}: has no rows: neither types nor keys can be discovered"
        mistakes.add(said, "leave it out, or describe it in a data set's YAML, with `primary_key` and `columns`")
        return None
    likely = naming.likely_keys(found.name, found.columns)
    for columns in [*((name,) for name in likely), *itertools.combinations(likely[:WIDEST], 2)]:
        if table.twice(columns) == (0, 0):
            return Table(found.name, columns, {}, found.comment, ("primary_key",))
    looked = f" (looked at {', '.join(likely[:WIDEST])})" if likely else ""
    mistakes.add(f"{found.place}: has no key: no column or pair that is unique and without NULL{looked}", NAME_KEY)
    return None


def _prove(
    name: str,
    declared: Mapping[str, str],
    tables: Mapping[str, Written],
    keyed: Mapping[str, Table],
    mistakes: Mistakes,
) -> None:
    """Note the declared foreign keys that lead nowhere."""
    place = tables[name].found.place
    for column, aim in declared.items():
        other, _, theirs = aim.partition(".")
        if column not in tables[name].found.columns:
            mistakes.add(f"{place}: foreign key `{column}` is no column", "correct the foreign key")
        elif other not in keyed or keyed[other].primary_key != (theirs,):
            mistakes.add(f"{place}: `{column}` refers to `{aim}`, which is no primary key", "refer to a primary key")
        elif lost := _lost(tables[name], column, tables[other], theirs):
            said = f"{place}: {lost} rows of `{column}` lead to no row of `{aim}`"
            mistakes.add(said, "correct the rows, or leave the key out: `--ignore-key TABLE.COLUMN`")


def _lost(table: Written, column: str, other: Written, theirs: str) -> int:
    import numpy as np

    own = table.hashes([column])[0]
    return int((~np.isin(own, other.hashes([theirs])[0])).sum())


def _discovered(
    tables: Mapping[str, Written], keyed: Mapping[str, Table], dropped: set[str]
) -> Iterator[tuple[str, str, str]]:
    """Yield (table, column, `table.column`) of foreign keys whose name says so and whose values are all there."""
    led = {name: set(_aims(table)) for name, table in keyed.items()}
    for name, table in keyed.items():
        found = tables[name].found
        if found.declared:
            continue
        for column in [item for item in found.columns if item not in table.foreign_keys]:
            for other, theirs in naming.aims(name, column, {key: item.primary_key for key, item in keyed.items()}):
                circle = naming.circles({**led, name: led[name] | {other}}) if other != name else []
                if f"{name}.{column}" in dropped or circle or not _alike(found, column, tables[other].found, theirs):
                    continue
                if _included(tables[name], column, tables[other], theirs):
                    led[name] |= {other}
                    yield name, column, f"{other}.{theirs}"
                    break


def _included(table: Written, column: str, other: Written, theirs: str) -> bool:
    return table.hashes([column])[0].size > 0 and not _lost(table, column, other, theirs)


def _alike(found: Found, column: str, other: Found, theirs: str) -> bool:
    return found.columns[column].type == other.columns[theirs].type


def _with_key(table: Table, column: str, aim: str) -> Table:
    keys = {**table.foreign_keys, column: aim}
    return replace(table, foreign_keys=keys, discovered=(*table.discovered, f"foreign_keys.{column}"))


def _aims(table: Table) -> Iterator[str]:
    for aim in table.foreign_keys.values():
        other = aim.partition(".")[0]
        if other != table.name:
            yield other


def not_null(columns: Mapping[str, Column], table: Table) -> dict[str, Column]:
    """Return the columns, those of the primary key without NULL."""
    return {
        name: replace(item, nullable=item.nullable and name not in table.primary_key) for name, item in columns.items()
    }
