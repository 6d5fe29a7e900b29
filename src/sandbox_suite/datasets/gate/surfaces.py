"""What could leak: the texts of the masked side that hold words of their own, and the originals that must not be there.

A surface is a kept column that no closed list constrains, or free text without the spans that were proved to be masks.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from sandbox_suite.datasets.gate import ids
from sandbox_suite.datasets.gate.case import IDENTIFIERS, Case, Table

CUT = "\x1f"  # stands where a proved span was: digits on its two sides never join
NATIONAL_DIGITS = 9  # of a phone number that count; before them is what a country's own people leave out
PERSONAL = (*IDENTIFIERS, "name", "address", "date")
ANCHOR = 8  # signs that are looked up; the rest of an original is compared where they are found
SHORTEST = 6  # signs of an original that is looked for anywhere


Known = dict[str, list[pl.Series]]  # {table.column: its normal forms}


@dataclass(frozen=True)
class Surface:
    """One column to look at. `rows` says, per distinct text, which rows hold it."""

    table: Table
    column: str
    texts: pl.Series  # per row; NULL where there is nothing to see

    @cached_property
    def distinct(self) -> pl.DataFrame:
        """Return each distinct text with its normal form and its rows."""
        frame = pl.DataFrame({"text": self.texts}).with_row_index("row").drop_nulls()
        grouped = frame.group_by("text", maintain_order=True).agg("row")
        return grouped.with_columns(normal=ids.normal(pl.col("text")))

    @cached_property
    def normal(self) -> pl.Series:
        """Return the normal form per row."""
        rows = self.distinct.select("normal", "row").explode("row")
        whole = pl.DataFrame({"row": pl.Series(range(len(self.texts)), dtype=pl.UInt32)})
        return whole.join(rows, on="row", how="left", maintain_order="left")["normal"]

    @cached_property
    def longest(self) -> int:
        """Return the signs of the longest normal form: what is longer need not be looked for."""
        return max(self.distinct["normal"].str.len_chars().to_list(), default=0)

    def rows(self, texts: pl.Series) -> list[int]:
        """Return the rows that hold one of these texts."""
        chosen = self.distinct.filter(pl.col("text").is_in(texts.implode()))
        return sorted(chosen["row"].explode().to_list())


def surfaces(case: Case, residual: Mapping[tuple[str, str], pl.Series]) -> list[Surface]:
    """Return every surface; `residual` has the free texts without their spans."""
    return [
        Surface(table, column, residual.get((table.name, column), _shown(table.masked[column])))
        for table in case.every
        for column, rule in table.rules.items()
        if column in table.masked.columns and (rule.kind == "free_text" or _open(table, column))
    ]


def _shown(values: pl.Series) -> pl.Series:
    return values.cast(pl.String)


def _open(table: Table, column: str) -> bool:
    rule = table.rules[column]
    text = table.masked.schema[column] in (pl.String, pl.Int64)
    return rule.kind == "keep" and text and rule.options.get("enum") is None


@dataclass(frozen=True)
class Originals:
    """The originals of masked identifiers in their normal form, and of names."""

    identifiers: frozenset[str]
    names: frozenset[str]
    addresses: frozenset[str]

    @cached_property
    def known(self) -> pl.Series:
        """Return all of them as a column."""
        return pl.Series(sorted(self.identifiers | self.names | self.addresses), dtype=pl.String)

    @cached_property
    def anchors(self) -> dict[str, list[tuple[int, str]]]:
        """Return {signs: [(their place in an original, the original)]} of what is long enough to be found in any text.

        Of an e-mail these are the signs before the `@`, else the last ones.
        """
        anchors: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for value in self.identifiers | self.names:
            if len(value) >= ANCHOR:
                at = value.find("@")
                place = max(0, (at if at > 0 else len(value)) - ANCHOR)
                anchors[value[place : place + ANCHOR]].append((place, value))
        return anchors

    def inside(self, normal: str) -> bool:
        """Say whether a normal text holds an original, wherever in it."""
        for at in range(len(normal) - ANCHOR + 1):
            for place, value in self.anchors.get(normal[at : at + ANCHOR], ()):
                start = at - place
                if start >= 0 and normal.startswith(value, start):
                    return True
        return False


def originals(case: Case) -> Originals:
    """Return the originals of every table."""
    identifiers: set[str] = set()
    names: set[str] = set()
    addresses: set[str] = set()
    for table in case.every:
        for column in table.masks(*IDENTIFIERS):
            identifiers.update(_significant(table.rules[column].kind, _normal(table, column)))
        for column in table.masks("name"):
            names.update(_normal(table, column))
        for column in table.masks("address"):
            addresses.update(_normal(table, column))
    return Originals(frozenset(identifiers), frozenset(names), frozenset(addresses))


def _normal(table: Table, column: str) -> list[str]:
    """Return the distinct normal forms of a raw column."""
    values = table.raw.select(pl.col(column).drop_nulls().unique())
    return values.select(ids.normal(pl.col(column)).unique()).to_series().to_list()


def _significant(kind: str, values: list[str]) -> Iterator[str]:
    for value in values:
        if kind == "phone" and len(value) > NATIONAL_DIGITS:
            value = value[-NATIONAL_DIGITS:]
        if len(value) >= (NATIONAL_DIGITS if kind == "ip" else SHORTEST):  # the digits of 10.0.0.12 stand anywhere
            yield value


def own_originals(case: Case, table: Table, known: Known) -> list[tuple[str, str, pl.Series]]:
    """Return (label, kind, normal forms row by row) of what a row must not show of its own person.

    `known` remembers the forms of a column from one table to the next.
    """
    found = []
    for label, kind, values, place in _own(case, table):
        column = label if place is not None else f"{table.name}.{label}"
        known[column] = known.get(column) or _forms(kind, values)
        found += [(label, kind, form if place is None else form.gather(place)) for form in known[column]]
    return found


def own_names(case: Case, table: Table) -> list[pl.Series]:
    """Return the names of each row's own person, as they are."""
    return [
        values if place is None else values.gather(place)
        for _, kind, values, place in _own(case, table)
        if kind == "name"
    ]


def _own(case: Case, table: Table) -> Iterator[tuple[str, str, pl.Series, pl.Series | None]]:
    """Give (label, kind, raw column, its row per row of the table) of a row's masked columns.

    Over its foreign keys also those of the rows that it belongs to.
    """
    for column in table.masks(*PERSONAL):
        yield column, table.rules[column].kind, table.raw[column], None
    for key, reference in table.foreign_keys.items():
        name, _, target = reference.partition(".")
        other = case.tables.get(name)
        if other is None or key not in table.raw.columns or target not in other.raw.columns:
            continue
        places = other.raw.select(pl.col(target).alias("_key")).with_row_index("_place").unique("_key")
        own = table.raw.select(pl.col(key).alias("_key")).join(places, on="_key", how="left", maintain_order="left")
        for column in other.masks(*PERSONAL):
            yield f"{name}.{column}", other.rules[column].kind, other.raw[column], own["_place"]


def _forms(kind: str, values: pl.Series) -> list[pl.Series]:
    """Return the normal forms in which values may be shown; NULL for what is too short to tell anything.

    Short Latin names stand in too many words: the check of names looks for those as words.
    """
    frame = values.alias("v").to_frame()
    if kind == "date":
        date = pl.col("v").cast(pl.Date)
        return [frame.select(date.dt.strftime(form)).to_series() for form in ("%Y%m%d", "%d%m%Y", "%m%d%Y")]
    form = ids.normal(pl.col("v"))
    form = form.str.tail(NATIONAL_DIGITS) if kind == "phone" else form
    long = form.str.len_chars() >= (ANCHOR if kind in ("name", "address", "ip") else 4)
    long |= form.str.contains(r"^\p{Han}{2,}$") if kind == "name" else pl.lit(False)
    return [frame.select(pl.when(long).then(form)).to_series()]
