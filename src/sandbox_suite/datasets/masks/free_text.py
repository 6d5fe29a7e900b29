"""Free text: personal data inside is found as spans, each replaced by the mask of its kind, so that it still joins.

Whole columns: Rust cuts every text into plain pieces and spans, each kind of span is masked as one
column, and the pieces are put together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from sandbox_suite.datasets import domains
from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import (
    card,
    columns,
    email,
    iban,
    ip,
    mac,
    name,
    national_id,
    own_names,
    phone,
    spans,
)
from sandbox_suite.datasets.masks.coded import UnknownValuesError

CUT = "\x00"  # stands where a span was; input that holds one is refused before it comes here
REMOVED = "[removed]"
SPAN_DOMAIN = "span"
SPAN_SCHEMA = {
    "row": pl.Int64,
    "start": pl.Int64,
    "end": pl.Int64,
    "masked_start": pl.Int64,
    "masked_end": pl.Int64,
    "kind": pl.String,
    "original_hmac": pl.String,
}
Inputs = Mapping[str, pl.Series]
SIMPLE: Mapping[str, Any] = {"email": email, "phone": phone, "card": card, "iban": iban, "ip": ip, "mac": mac}


def vector(values: pl.Series, inputs: Inputs, keys: Keys, options: Mapping[str, Any]) -> pl.Series:
    """Return the masked column."""
    return mask(values, inputs, keys, options)[0]


def mask(values: pl.Series, inputs: Inputs, keys: Keys, options: Mapping[str, Any]) -> tuple[pl.Series, pl.DataFrame]:
    """Return the masked column and its spans (`SPAN_SCHEMA`; `row` is the place in the column)."""
    frame = pl.DataFrame({"text": values, **inputs}).with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    hit = frame["text"].str.contains(spans.RUST)
    for column in _names(inputs):
        hit = hit | own_names.candidates(frame["text"], frame[column])
    found = frame.filter(hit.fill_null(False))
    if not len(found):
        return values, pl.DataFrame(schema=SPAN_SCHEMA)
    pieces = _replaced(_with_names(_cut(found), found), found, keys, options)
    joined = pieces.group_by("row", maintain_order=True).agg(pl.col("masked").str.join(""))
    whole = frame.select("row", "text").join(joined, on="row", how="left", maintain_order="left")
    return whole.select(pl.coalesce("masked", "text"))["masked"].alias(values.name), _log(pieces, keys)


def _cut(found: pl.DataFrame) -> pl.DataFrame:
    """Return the pieces (row, place, text, kind) of each text: plain pieces (kind NULL) and spans in turn."""
    cut = found.select(
        "row",
        pl.col("text").str.extract_all(spans.RUST).alias("span"),
        pl.col("text").str.replace_all(spans.RUST, CUT).str.split(CUT).alias("plain"),
    )
    if (cut["plain"].list.len() != cut["span"].list.len() + 1).any():
        raise ValueError("spans and plain pieces do not fit together")
    plain = cut.select("row", pl.int_ranges(pl.col("plain").list.len()).alias("place"), "plain").explode(
        "place", "plain"
    )
    span = cut.filter(pl.col("span").list.len() > 0)
    span = span.select("row", pl.int_ranges(pl.col("span").list.len()).alias("place"), "span").explode("place", "span")
    country = (
        found["country"] if "country" in found.columns else pl.repeat(None, len(found), dtype=pl.String, eager=True)
    )
    owner = span.select("row").join(
        pl.DataFrame({"row": found["row"], "country": country}), on="row", how="left", maintain_order="left"
    )
    kind = spans.kinds(span["span"], owner["country"].str.to_uppercase())
    return pl.concat(
        [
            plain.select(
                "row", pl.col("place") * 2, pl.col("plain").alias("text"), pl.lit(None, pl.String).alias("kind")
            ),
            span.select("row", pl.col("place") * 2 + 1, pl.col("span").alias("text"), kind),
        ]
    )


def _with_names(pieces: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Cut the person's names out of the plain pieces; a piece gets parts, numbered in `part`."""
    pieces = pieces.with_columns(pl.lit(0, pl.Int64).alias("part"))
    for column in _names(found.columns):
        names = pieces.select("row").join(found.select("row", column), on="row", how="left", maintain_order="left")[
            column
        ]
        hit = pieces["kind"].is_null() & own_names.candidates(pieces["text"], names)
        if not hit.any():
            continue
        touched = pieces.filter(hit).with_columns(names.filter(hit).alias("name"))
        cut = [part for row in touched.iter_rows(named=True) for part in _name_parts(row, column)]
        pieces = pl.concat([pieces.filter(~hit), pl.DataFrame(cut, schema=pieces.schema, orient="row")])
    return pieces.sort("row", "place", "part")


def _name_parts(piece: Mapping[str, Any], column: str) -> Iterator[tuple[int, int, str, str | None, int]]:
    """Cut one plain piece; parts of parts stay in order because a part is 4,096 times finer with each name column."""
    text, number, last = piece["text"], piece["part"] * 4096, 0
    for start, end in own_names.find(text, piece["name"]):
        yield piece["row"], piece["place"], text[last:start], None, number
        yield piece["row"], piece["place"], text[start:end], column, number + 1
        number, last = number + 2, end
    yield piece["row"], piece["place"], text[last:], None, number


def _replaced(pieces: pl.DataFrame, found: pl.DataFrame, keys: Keys, options: Mapping[str, Any]) -> pl.DataFrame:
    """Add `masked` to the pieces: each kind of span is masked as one column."""

    def work(kind: str | None, rows: pl.Series) -> pl.Series:
        texts = pieces["text"].gather(rows)
        if kind is None:
            return texts
        if kind.startswith("name:"):
            owners = pieces.select("row")[rows].join(found, on="row", how="left", maintain_order="left")
            inputs = {"locale": owners["locale"]} if "locale" in owners.columns else {}
            return name.vector(owners[kind], inputs, keys, {})
        return span_vector(kind, texts, keys, options)

    masked = columns.grouped(pieces["kind"], work)
    unknown = masked.is_null()
    if unknown.any() and options["on_unknown"] == "block":
        raise UnknownValuesError(pieces["row"].filter(unknown).unique(maintain_order=True).to_list())
    kind = pieces["kind"].zip_with(~unknown, pl.Series(["unknown"])).str.replace(r"^name:.*", "name")
    return pieces.with_columns(masked.fill_null(REMOVED).alias("masked"), kind.alias("kind"))


def span_vector(kind: str, texts: pl.Series, keys: Keys, options: Mapping[str, Any]) -> pl.Series:
    """Return the masked spans of one kind; NULL for what is unknown."""
    if kind == "unknown":
        return pl.repeat(None, len(texts), dtype=pl.String, eager=True)
    if kind.startswith("national_id:"):
        country = pl.repeat(kind[-2:], len(texts), eager=True)
        return national_id.vector(texts, {"country": country}, keys, _own("national_id", options))
    masked: pl.Series = SIMPLE[kind].vector(texts, {}, keys, _own(kind, options))
    return masked


def _log(pieces: pl.DataFrame, keys: Keys) -> pl.DataFrame:
    length, masked = pl.col("text").str.len_chars().cast(pl.Int64), pl.col("masked").str.len_chars().cast(pl.Int64)
    ends = pieces.with_columns(
        length.cum_sum().over("row").alias("end"), masked.cum_sum().over("row").alias("masked_end")
    ).with_columns((pl.col("end") - length).alias("start"), (pl.col("masked_end") - masked).alias("masked_start"))
    logged = ends.filter(pl.col("kind").is_not_null())
    hashed = domains.hashes(logged["text"], SPAN_DOMAIN, keys)
    return logged.with_columns(hashed.alias("original_hmac")).select(*SPAN_SCHEMA)


def scalar(value: str, inputs: Mapping[str, Any], keys: Keys, options: Mapping[str, Any]) -> str:
    """Return one masked text."""
    out, last = "", 0
    for match in spans.PYTHON.finditer(value):
        out += _named(value[last : match.start()], inputs, keys)
        kind = spans.kind_scalar(match[0], (inputs.get("country") or "").upper() or None)
        masked = span_scalar(kind, match[0], keys, options)
        if masked is None and options["on_unknown"] == "block":
            raise UnknownValuesError([0])
        out, last = out + (REMOVED if masked is None else masked), match.end()
    return out + _named(value[last:], inputs, keys)


def span_scalar(kind: str, text: str, keys: Keys, options: Mapping[str, Any]) -> str | None:
    """Return one masked span of a kind; None for what is unknown."""
    if kind == "unknown":
        return None
    if kind.startswith("national_id:"):
        return national_id.scalar(text, {"country": kind[-2:]}, keys, _own("national_id", options))
    masked: str | None = SIMPLE[kind].scalar(text, {}, keys, _own(kind, options))
    return masked


def _own(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a span's own mask. What it does not know, this module decides about."""
    return {"mode": options.get("modes", {}).get(kind), "on_unknown": "drop"}


def _named(text: str, inputs: Mapping[str, Any], keys: Keys) -> str:
    """Replace the person's names in a plain piece."""
    parts = [(text, False)]
    for column in _names(inputs):
        own = inputs[column]
        if own:
            parts = [part for item in parts for part in _split(item, own, name.scalar(own, inputs, keys, {}))]
    return "".join(part for part, _ in parts)


def _split(item: tuple[str, bool], own: str, masked: str) -> Iterator[tuple[str, bool]]:
    text, done = item
    if done:
        yield item
        return
    last = 0
    for start, end in own_names.find(text, own):
        yield text[last:start], False
        yield masked, True
        last = end
    yield text[last:], False


def _names(inputs: Any) -> list[str]:
    return sorted(column for column in inputs if column.startswith("name:"))


def codomain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Say that the spans tell what was done."""
    return {"free_text": True}
