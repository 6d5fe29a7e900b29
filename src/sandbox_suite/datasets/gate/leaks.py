"""Looks for the originals themselves: in the row they belong to, in any other row, as names, and encoded."""

from collections.abc import Iterator
from dataclasses import replace

import polars as pl

from sandbox_suite.datasets.gate import dates, decoding, ids, naming
from sandbox_suite.datasets.gate.case import Case
from sandbox_suite.datasets.gate.detector import detector
from sandbox_suite.datasets.gate.surfaces import CUT, SHORTEST, Known, Originals, Surface, own, own_originals
from sandbox_suite.datasets.gate.verdict import GateFinding

SHORTEST_SHOWN = 2  # signs of the shortest original: a Chinese name
CHUNK = r"[^\s,;:!?'\"<>\[\]{}()\x1f，。；：、！？（）]{4,}"


def own_row(case: Case, surfaces: list[Surface]) -> Iterator[GateFinding]:
    """No row shows a value of its own person, in whatever case and with whatever separators."""
    known: Known = {}
    for table in case.tables.values():
        looked = [surface for surface in surfaces if surface.table is table and surface.longest >= SHORTEST_SHOWN]
        for label, kind, forms in own_originals(case, table, known) if looked else ():
            length = forms.str.len_chars()
            for surface in looked:
                rows = _shown(surface, forms, length)
                if rows:
                    message = f"shows the row's own {label}"
                    yield case.finding(f"own-{kind}", table, surface.column, message, rows, "masked")
        yield from _own_days(case, [surface for surface in looked if surface.free])


def _shown(surface: Surface, forms: pl.Series, length: pl.Series) -> list[int]:
    possible = (length <= surface.longest).fill_null(False)
    if not possible.any():
        return []
    pair = surface.normal.to_frame("text").with_columns(form=forms).with_row_index("row").filter(possible)
    shown = pl.col("text").str.contains(pl.col("form"), literal=True).fill_null(False)
    return pair.filter(shown)["row"].to_list()


def _own_days(case: Case, surfaces: list[Surface]) -> Iterator[GateFinding]:
    """No free text names a day of its own person, in whatever order or language."""
    for surface in surfaces:
        rows: set[int] = set()
        for values in own(case, surface.table, "date"):
            pair = surface.look.with_columns(day=values.cast(pl.Date)).with_row_index("row").drop_nulls()
            near = pair.filter(pl.col("plain").str.contains(pl.col("day").dt.year().cast(pl.String), literal=True))
            rows.update(
                row for row, text, day in near.select("row", "plain", "day").iter_rows() if day in dates.days(text)
            )
        if rows:
            message = "names a day of the row's own person"
            yield case.finding("own-date", surface.table, surface.column, message, sorted(rows), "masked")


def any_row(case: Case, surfaces: list[Surface], originals: Originals) -> Iterator[GateFinding]:
    """No text holds an original identifier or address of any row: as a word, or inside longer words."""
    for surface in surfaces:
        if surface.longest < SHORTEST:
            continue
        distinct = surface.distinct
        words = distinct.select("text", word=pl.col("plain").str.extract_all(CHUNK)).explode("word").drop_nulls()
        words = words.with_columns(ids.normal(pl.col("word")).str.strip_chars("+@"))
        hits = words.filter(pl.col("word").is_in(originals.identifiers.implode()))["text"].to_list()
        for anchors in originals.anchors:
            hits += distinct["text"].gather(anchors.find(distinct["normal"])["text"]).to_list()
        if hits:
            message = "holds an original value of some row"
            rows = surface.rows(pl.Series(hits, dtype=pl.String))
            yield case.finding("original", surface.table, surface.column, message, rows, "masked")


def names(case: Case, surfaces: list[Surface], originals: Originals) -> Iterator[GateFinding]:
    """No text holds a full name of anybody; no free text holds a longer part of the own person's name."""
    for surface in surfaces:
        full = [] if surface.longest < SHORTEST_SHOWN else naming.full(surface.distinct, originals.name_anchors)
        rows = set(surface.rows(pl.Series(full, dtype=pl.String)))
        if surface.free:
            for values in own(case, surface.table, "name"):
                rows.update(naming.parts(surface.look, values))
        if rows:
            yield case.finding("name", surface.table, surface.column, "holds a name", sorted(rows), "masked")


def decoded(case: Case, surfaces: list[Surface], originals: Originals) -> Iterator[GateFinding]:
    """No text holds what the other scans look for in base64, hex, percent signs or escapes."""
    opened = [view for surface in surfaces if (view := _opened(surface)) is not None]
    scans = (
        detector(case, opened),
        own_row(case, opened),
        any_row(case, opened, originals),
        names(case, opened, originals),
    )
    for found in (finding for scan in scans for finding in scan):
        yield replace(found, kind="encoded", message=f"encoded: {found.message}")


def _opened(surface: Surface) -> Surface | None:
    """Return the surface of what can be decoded in a surface; None where there is nothing."""
    distinct = surface.distinct
    plain = decoding.decoded(distinct["plain"]).group_by("text").agg(pl.col("plain").str.join(CUT))
    if not plain.height:
        return None
    rows = distinct.with_row_index("place").join(
        plain, left_on=pl.col("place").cast(pl.Int64), right_on="text", suffix="_inside"
    )
    opened = rows.select(pl.col("row"), "plain_inside").explode("row")
    whole = pl.DataFrame({"row": pl.Series(range(len(surface.texts)), dtype=opened.schema["row"])})
    texts = whole.join(opened, on="row", how="left", maintain_order="left")["plain_inside"]
    return Surface(surface.table, surface.column, texts, free=surface.free, decoded=True)
