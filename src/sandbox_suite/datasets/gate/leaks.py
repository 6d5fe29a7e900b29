"""Looks for the originals themselves: in the row they belong to, in any other row, as names, and encoded."""

import base64
import binascii
import re
import urllib.parse
from collections.abc import Iterator

import polars as pl

from sandbox_suite.datasets.gate import ids
from sandbox_suite.datasets.gate.case import Case
from sandbox_suite.datasets.gate.surfaces import SHORTEST, Known, Originals, Surface, own_names, own_originals
from sandbox_suite.datasets.gate.verdict import GateFinding

SHORTEST_SHOWN = 2  # signs of the shortest original: a Chinese name
NAME_PART = 5  # letters of a given or family name that counts alone
WORDS = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*")
HAN = re.compile(r"[\u3400-\u9fff]+")
CHUNK = r"[^\s,;:!?'\"<>\[\]{}()\x1f，。；：、！？（）]{4,}"
ENCODED = re.compile(r"[A-Za-z0-9+/_\-]{12,}={0,2}")
HEX = re.compile(r"(?:[0-9A-Fa-f]{2}[ :]?){6,}")


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


def _shown(surface: Surface, forms: pl.Series, length: pl.Series) -> list[int]:
    possible = (length <= surface.longest).fill_null(False)
    if not possible.any():
        return []
    pair = surface.normal.to_frame("text").with_columns(form=forms).with_row_index("row").filter(possible)
    shown = pl.col("text").str.contains(pl.col("form"), literal=True).fill_null(False)
    return pair.filter(shown)["row"].to_list()


def any_row(case: Case, surfaces: list[Surface], originals: Originals) -> Iterator[GateFinding]:
    """No text holds an original identifier of any row: as a word, or inside longer words."""
    known = pl.Series(sorted(originals.identifiers), dtype=pl.String)
    for surface in surfaces:
        if surface.longest < SHORTEST:
            continue
        distinct = surface.distinct
        words = distinct.select("text", word=pl.col("text").str.extract_all(CHUNK)).explode("word").drop_nulls()
        words = words.with_columns(ids.normal(pl.col("word")).str.strip_chars("+@"))
        hits = set(words.filter(pl.col("word").is_in(known.implode()))["text"])
        inside = distinct.filter(pl.col("normal").str.contains(r"@|[0-9]{6}"))
        for text, normal in inside.select("text", "normal").iter_rows():
            if text not in hits and originals.inside(normal):
                hits.add(text)
        if hits:
            rows = surface.rows(pl.Series(sorted(hits), dtype=pl.String))
            message = "holds an original value of some row"
            yield case.finding("original", surface.table, surface.column, message, rows, "masked")


def names(case: Case, surfaces: list[Surface], originals: Originals) -> Iterator[GateFinding]:
    """No text holds a full name of anybody, or a longer part of the own person's name."""
    for surface in surfaces:
        if surface.table.rules[surface.column].kind != "free_text":
            continue  # a constrained column has room for no name
        full = [text for text in surface.distinct["text"] if _full_name(text, originals.names)]
        rows = set(surface.rows(pl.Series(full, dtype=pl.String))) | set(_name_parts(case, surface))
        if rows:
            yield case.finding("name", surface.table, surface.column, "holds a name", sorted(rows), "masked")


def decoded(case: Case, surfaces: list[Surface], originals: Originals) -> Iterator[GateFinding]:
    """No text holds an original in base64, hex, or URL encoding."""
    for surface in surfaces:
        coded = surface.distinct.filter(
            pl.col("text").str.contains(r"[A-Za-z0-9+/_\-]{12}|%[0-9A-Fa-f]{2}|\\u[0-9a-fA-F]{4}")
        )
        hits = [
            text
            for text in coded["text"]
            if any(originals.inside(ids.normal_scalar(plain)) or "@" in plain for plain in _decodings(text))
        ]
        if hits:
            rows = surface.rows(pl.Series(hits, dtype=pl.String))
            message = "holds an encoded original"
            yield case.finding("encoded", surface.table, surface.column, message, rows, "masked")


def _full_name(text: str, names: frozenset[str]) -> bool:
    words = [ids.normal_scalar(word) for word in WORDS.findall(text)]
    for length in (2, 3, 4):
        for at in range(len(words) - length + 1):
            if "".join(words[at : at + length]) in names:
                return True
    for run in HAN.findall(text):
        for length in (3, 4):
            for at in range(len(run) - length + 1):
                if run[at : at + length] in names:
                    return True
    return False


def _name_parts(case: Case, surface: Surface) -> list[int]:
    """Return the rows that show a given or family name of their own person, spelled as it is or in capitals."""
    rows: list[int] = []
    for values in own_names(case, surface.table):
        pair = pl.DataFrame({"text": surface.texts, "name": values}).with_row_index("row").drop_nulls()
        parts = pair.with_columns(part=pl.col("name").str.extract_all(r"[\p{L}'’\-]{5,}")).explode("part").drop_nulls()
        shown = parts.filter(
            pl.col("text").str.contains(pl.col("part"), literal=True)
            | pl.col("text").str.contains(pl.col("part").str.to_uppercase(), literal=True)
        )
        for row, text, part in shown.select("row", "text", "part").iter_rows():
            if set(WORDS.findall(text)) & {part, part.upper()}:
                rows.append(row)
    return rows


def _decodings(text: str) -> Iterator[str]:
    for match in ENCODED.findall(text):
        for alphabet in (base64.b64decode, base64.urlsafe_b64decode):
            for cut in range(4):  # the run may start inside other letters
                body = match[cut:].rstrip("=")
                yield from _bytes_as_text(alphabet, body[: len(body) - (len(body) % 4 == 1)])
    for match in HEX.findall(text):
        try:
            yield bytes.fromhex(re.sub("[ :]", "", match)).decode()
        except (ValueError, UnicodeDecodeError):
            continue
    if "%" in text:
        yield urllib.parse.unquote(text)
    if "\\u" in text:
        yield re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)


def _bytes_as_text(decode: object, body: str) -> Iterator[str]:
    try:
        found = decode(body + "=" * (-len(body) % 4)).decode()  # type: ignore[operator]
    except (ValueError, binascii.Error, UnicodeDecodeError):
        return
    if found.isprintable():
        yield found
