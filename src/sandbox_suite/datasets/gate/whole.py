"""What only a whole table can tell: whether keys and pseudonyms are unique, and whether foreign keys lead somewhere.

Slices give hashes of 64 bits; here, numpy puts them together.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sandbox_suite.datasets.gate import oracle, signs
from sandbox_suite.datasets.gate.anchors import MULTIPLIER, Words, distinct
from sandbox_suite.datasets.gate.case import Case, Table, lent

# Masks that give every value a pseudonym of its own: in which modes.
ONE_TO_ONE = {
    "email": ("tagged",),
    "phone": ("tagged", "realistic"),
    "national_id": ("tagged", "realistic"),
    "iban": ("tagged", "realistic"),
    "card": ("tagged", "realistic"),
    "ip": ("realistic",),
    "mac": ("realistic",),
}
MANY_TO_ONE = ("US", "DE")  # whose national ids are tagged into a range that is smaller than the issued one
Place = tuple[str, str]  # table, column
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Seen:
    """The hashes of one slice; `first` is the number of its first row."""

    pairs: Mapping[Place, tuple[Words, Words, Rows]] = field(default_factory=dict)  # raw, masked, row
    keys: Mapping[str, Words] = field(default_factory=dict)  # {table: its primary keys}
    links: Mapping[Place, tuple[Words, Rows]] = field(default_factory=dict)  # foreign keys
    aims: Mapping[Place, Words] = field(default_factory=dict)  # what foreign keys lead to


@dataclass(frozen=True)
class Fault:
    """What is wrong with some rows of a whole table."""

    table: str
    column: str
    kind: str
    message: str
    rows: Rows
    side: str


def look(case: Case) -> Seen:
    """Return the hashes of a case."""
    pairs = {
        (table.name, column): pair
        for table in case.every
        for column in table.rules
        if (pair := _pair(case, table, column)) is not None
    }
    keys: dict[str, Words] = {}
    links: dict[Place, tuple[Words, Rows]] = {}
    aims: dict[Place, Words] = {}
    for table in case.tables.values():
        key = [column for column in table.primary_key if column in table.masked.columns]
        if key:
            keys[table.name] = together([table.masked[column] for column in key])
        for column in filter(table.masked.columns.__contains__, table.foreign_keys):
            there = table.masked[column].is_not_null()
            rows = there.arg_true().to_numpy().astype(np.int64) + table.first
            links[table.name, column] = together([table.masked[column].filter(there)]), rows
        for column in _aims(case, table):
            aims[table.name, column] = distinct(together([table.masked[column].drop_nulls()]))
    return Seen(pairs, keys, links, aims)


def _aims(case: Case, table: Table) -> set[str]:
    aims = [aim for other in case.raw_manifest["tables"].values() for aim in other["foreign_keys"].values()]
    named = {aim.partition(".")[2] for aim in aims if aim.partition(".")[0] == table.name}
    return named & set(table.masked.columns)


def together(columns: Sequence[pl.Series]) -> Words:
    """Return one number for the values that stand beside each other."""
    found = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        values = column.cast(pl.Int64) if column.dtype.is_integer() else column
        found = (found * MULTIPLIER) ^ values.hash().to_numpy()
    return found


def _pair(case: Case, table: Table, column: str) -> tuple[Words, Words, Rows] | None:
    """Return raw values and pseudonyms of a column whose mask is one-to-one, as far as it promises that."""
    kind, options = table.rules[column].kind, table.rules[column].options
    if options.get("mode") not in ONE_TO_ONE.get(kind, ()) or not table.has(column):
        return None
    raw, masked = table.raw[column], table.masked[column]
    if len(raw) != len(masked):
        return None
    country = lent(case, table, options["country"]) if kind == "national_id" else None
    counts = raw.is_not_null() & masked.is_not_null() & (raw != "")
    if country is not None and options["mode"] == "tagged":
        counts &= ~country.str.to_uppercase().is_in(MANY_TO_ONE).fill_null(False)
    rows = counts.fill_null(False).arg_true()
    group = [] if country is None else [country.gather(rows)]
    sides = [_normal(kind, side.gather(rows)) for side in (raw, masked)]
    before, after = (together([*group, side]) for side in sides)
    some = (sides[0] != "").to_numpy()
    return before[some], after[some], rows.to_numpy().astype(np.int64)[some] + table.first


def _normal(kind: str, values: pl.Series) -> pl.Series:
    if kind in oracle.CODED:
        return signs.dropped(values.str.to_uppercase(), b" .-/()+:")
    return values.to_frame("v").select(oracle.normalise(kind, pl.col("v"))).to_series()


def duplicates(seen: Sequence[Seen]) -> Iterator[Fault]:
    """Give the primary keys that are not unique, by the rows' place."""
    for table in dict.fromkeys(name for one in seen for name in one.keys):
        rows = _twice(np.concatenate([one.keys[table] for one in seen if table in one.keys]))
        if len(rows):
            yield Fault(table, "", "key", "the primary key is not unique", rows, "masked")


def lost(seen: Sequence[Seen], aims: Mapping[Place, str]) -> Iterator[Fault]:
    """Give the foreign keys that lead nowhere; `aims`: {place: the `table.column` that it leads to}."""
    for place, aim in aims.items():
        name, _, column = aim.partition(".")
        there = [one.aims[name, column] for one in seen if (name, column) in one.aims]
        links = [one.links[place] for one in seen if place in one.links]
        if not there or not links:
            yield Fault(*place, "key", f"`{aim}` is not there", np.zeros(0, np.int64), "masked")
            continue
        values, rows = (np.concatenate(side) for side in zip(*links, strict=True))
        gone = rows[~np.isin(values, np.concatenate(there))]
        if len(gone):
            yield Fault(*place, "key", f"no row in `{aim}`", gone, "masked")


def not_one_to_one(seen: Sequence[Seen], place: Place) -> Iterator[Fault]:
    """Give equal values of a column with different pseudonyms, and different values with the same."""
    raw, masked, rows = (
        np.concatenate(side) for side in zip(*(one.pairs[place] for one in seen if place in one.pairs), strict=True)
    )
    both = (raw * MULTIPLIER) ^ masked
    if _count(raw) == _count(both) == _count(masked):
        return
    _, first = np.unique(both, return_index=True)
    first.sort()
    for side, message in ((raw, "equal values have different pseudonyms"), (masked, "two values share a pseudonym")):
        twice = _twice(side[first])
        if len(twice):
            yield Fault(*place, "unique", message, rows[first[twice]], "raw")


def _count(numbers: Words) -> int:
    ordered = np.sort(numbers)
    return int((ordered[1:] != ordered[:-1]).sum()) + bool(len(ordered))


def _twice(numbers: Words) -> Rows:
    """Return the places of numbers that stand more than once."""
    if _count(numbers) == len(numbers):
        return np.zeros(0, np.int64)
    _, back, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    return np.flatnonzero(counts[back] > 1)
