"""What could leak: the texts of the masked side that hold words of their own, and the originals that must not be there.

A surface is a kept column that no closed list constrains, or free text without the spans that were proved to be masks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from sandbox_suite.datasets.gate import ids
from sandbox_suite.datasets.gate.anchors import WIDTH, Anchors
from sandbox_suite.datasets.gate.case import IDENTIFIERS, Case, Table

CUT = "\x1f"  # stands where a proved span was: digits on its two sides never join
NATIONAL_DIGITS = 9  # of a phone number that count; before them is what a country's own people leave out
PERSONAL = (*IDENTIFIERS, "name", "address", "date")
SHORTEST_SHOWN = 8  # signs of a name, an address or an IP that is looked for in the texts of its own row
SHORTEST = 6  # signs of an original that is looked for anywhere
SHORTEST_NAME = 5  # letters of a name that is looked for anywhere; of a Chinese one, three signs are nine bytes
COLONS = r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}"  # a MAC address: the only value that colons are a part of


Known = dict[str, list[pl.Series]]  # {table.column: its normal forms}


@dataclass(frozen=True)
class Surface:
    """One column to look at. `rows` says, per distinct text, which rows hold it."""

    table: Table
    column: str
    texts: pl.Series  # per row; NULL where there is nothing to see
    free: bool = False  # free text: the masker left no shape of personal data alone
    decoded: bool = False  # what can be read in the texts, not the texts themselves

    @cached_property
    def distinct(self) -> pl.DataFrame:
        """Return each distinct text: as it looks (`plain`), in its normal form, and its rows."""
        frame = pl.DataFrame({"text": self.texts}).with_row_index("row").drop_nulls()
        grouped = frame.group_by("text", maintain_order=True).agg("row")
        grouped = grouped.with_columns(plain=ids.plain(pl.col("text"))).with_columns(normal=ids.normal(pl.col("plain")))
        bare = pl.col("normal").str.replace_all(":", "", literal=True)
        return grouped.with_columns(
            normal=pl.when(pl.col("normal").str.contains(COLONS)).then(bare).otherwise("normal")
        )

    @cached_property
    def look(self) -> pl.DataFrame:
        """Return `plain` and `normal` per row."""
        rows = self.distinct.select("plain", "normal", "row").explode("row")
        whole = pl.DataFrame({"row": pl.Series(range(len(self.texts)), dtype=pl.UInt32)})
        return whole.join(rows, on="row", how="left", maintain_order="left").select("plain", "normal")

    @property
    def normal(self) -> pl.Series:
        """Return the normal form per row."""
        return self.look["normal"]

    @cached_property
    def longest(self) -> int:
        """Return the signs of the longest normal form: what is longer need not be looked for."""
        return int(self.distinct["normal"].str.len_chars().max() or 0)  # type: ignore[arg-type]

    def rows(self, texts: pl.Series) -> list[int]:
        """Return the rows that hold one of these texts."""
        chosen = self.distinct.filter(pl.col("text").is_in(texts.implode()))
        return sorted(chosen["row"].explode().to_list())


def surfaces(case: Case, residual: Mapping[tuple[str, str], pl.Series]) -> list[Surface]:
    """Return every surface; `residual` has the free texts without their spans."""
    found = []
    for table in case.every:
        for column, rule in table.rules.items():
            free = rule.kind == "free_text"
            if column in table.masked.columns and (free or _open(table, column)):
                texts = residual.get((table.name, column), table.masked[column].cast(pl.String))
                found.append(Surface(table, column, texts, free))
    return found


def _open(table: Table, column: str) -> bool:
    rule, kind = table.rules[column], table.masked.schema[column]
    holds = kind == pl.String or kind.is_numeric()
    return rule.kind == "keep" and holds and rule.options.get("enum") is None


@dataclass(frozen=True)
class Originals:
    """The originals of masked columns in their normal form, each once."""

    identifiers: pl.Series
    names: pl.Series  # in the order they are written, and family name first
    addresses: pl.Series

    @cached_property
    def known(self) -> pl.Series:
        """Return all of them as a column."""
        return pl.concat([self.identifiers, self.names, self.addresses]).unique(maintain_order=True)

    @cached_property
    def anchors(self) -> list[Anchors]:
        """Return how identifiers (by their ends, or what is before the `@`) and addresses are found."""
        at = self.identifiers.str.find("@", literal=True).cast(pl.Int64)
        ends = self.identifiers.str.len_bytes().cast(pl.Int64)
        numbers = self.addresses.str.find("[0-9]").cast(pl.Int64).fill_null(WIDTH)
        return [
            Anchors(self.identifiers, at.fill_null(ends) - WIDTH),
            Anchors(self.addresses, numbers - WIDTH // 2),  # cities and streets are many people's
        ]

    @cached_property
    def name_anchors(self) -> list[Anchors]:
        """Return how names are found anywhere, the long ones and the short ones."""
        short = self.names.filter(self.names.str.len_bytes() < WIDTH)
        return [Anchors(self.names), Anchors(short, width=SHORTEST_NAME)]


def originals(case: Case) -> Originals:
    """Return the originals of every table."""
    found: dict[str, list[pl.Series]] = {"identifiers": [], "names": [], "addresses": []}
    for table in case.every:
        for column in table.masks(*IDENTIFIERS):
            found["identifiers"].append(_significant(table.rules[column].kind, _distinct(table, column)))
        for column in table.masks("name"):
            found["names"] += _orders(_distinct(table, column))
        for column in table.masks("address"):
            found["addresses"].append(_normal(_distinct(table, column)))
    empty = pl.Series([], dtype=pl.String)
    return Originals(
        **{name: pl.concat([empty, *some]).drop_nulls().unique(maintain_order=True) for name, some in found.items()}
    )


def _distinct(table: Table, column: str) -> pl.Series:
    return table.raw[column].drop_nulls().unique(maintain_order=True).alias("v")


def _normal(values: pl.Series) -> pl.Series:
    return values.to_frame("v").select(ids.normal(pl.col("v")).unique(maintain_order=True)).to_series()


def _orders(names: pl.Series) -> Iterator[pl.Series]:
    """Give names as they are written, and with their last word first."""
    yield _normal(names)
    turned = names.str.strip_chars().str.replace(r"^(.*\S)\s+(\S+)$", "$2$1")
    yield _normal(turned.filter(turned != names))


def _significant(kind: str, values: pl.Series) -> pl.Series:
    """Return the part of each value that tells whose it is; those too short to tell anything are left out."""
    normal = _bare(kind, _normal(values))
    if kind == "phone":
        normal = normal.str.tail(NATIONAL_DIGITS)
    return normal.filter(
        normal.str.len_chars() >= (NATIONAL_DIGITS if kind == "ip" else SHORTEST)
    )  # 10.0.0.12: 1000012


def _bare(kind: str, normal: pl.Series) -> pl.Series:
    return normal.str.replace_all(":", "", literal=True) if kind == "mac" else normal


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


def own(case: Case, table: Table, wanted: str) -> list[pl.Series]:
    """Return the values of a kind (such as `name`) of each row's own person, as they are."""
    return [
        values if place is None else values.gather(place)
        for _, kind, values, place in _own(case, table)
        if kind == wanted
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
    form = frame.select(ids.normal(pl.col("v"))).to_series()
    form = form.str.tail(NATIONAL_DIGITS) if kind == "phone" else _bare(kind, form)
    long = form.str.len_chars() >= (SHORTEST_SHOWN if kind in ("name", "address", "ip") else 4)
    if kind == "name":
        long |= form.str.contains(r"^\p{Han}{2,}$")
    return [form.set(~long.fill_null(True), None)]
