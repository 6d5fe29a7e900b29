"""Free text: personal data inside is found as spans, each replaced by the mask of its kind, so that it still joins.

Whole columns: Rust cuts every text into plain pieces and spans, each kind of span is masked as one
column, and the pieces are put together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

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
    scan,
    spans,
)
from sandbox_suite.datasets.masks.coded import UnknownValuesError
from sandbox_suite.datasets.masks.pieces import PLAIN, Pieces, Spans, Texts

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
    named = {column: own_names.candidates(values, inputs[column]) for column in _names(inputs)}
    hit = scan.possible(values)
    for names in named.values():
        hit |= names
    if not hit.any():
        return values, pl.DataFrame(schema=SPAN_SCHEMA)
    texts, beside = Texts.of(values.filter(hit)), {name: column.filter(hit) for name, column in inputs.items()}
    pieces, kinds = _cut(texts, beside, {column: names.filter(hit) for column, names in named.items()})
    rows = hit.arg_true()
    try:
        masked, unknown = _replaced(pieces, kinds, beside, keys, options)
    except UnknownValuesError as error:
        raise UnknownValuesError(rows.gather(list(error.rows)).to_list()) from None
    log = _log(pieces, kinds, masked, unknown, keys)
    out = values.scatter(rows, pieces.joined(masked))
    return out, log.with_columns(rows.gather(log["row"]).cast(pl.Int64).alias("row"))


def _cut(texts: Texts, beside: Inputs, named: Inputs) -> tuple[Pieces, list[str]]:
    """Return the texts cut into pieces, and the kinds by their numbers; `named`: rows where a column may be found."""
    starts, ends = scan.find(texts)
    rows = pl.Series(np.searchsorted(texts.bounds, starts, "right") - 1)
    country = beside["country"].gather(rows) if "country" in beside else pl.repeat(None, len(rows), dtype=pl.String)
    kind = spans.kinds(texts.slices(starts, ends), pl.select(country.alias("c"))["c"].str.to_uppercase())
    kinds = kind.unique(maintain_order=True)
    numbers = kind.replace_strict(kinds, pl.Series(range(len(kinds))), return_dtype=pl.Int64).to_numpy()
    found = Spans(starts, ends, numbers)
    for place, (column, touched) in enumerate(named.items()):
        pieces = Pieces.cut(texts, found)
        found = Spans.joined([found, _named_spans(pieces, beside[column], touched, len(kinds) + place)])
    return Pieces.cut(texts, found), [*kinds.to_list(), *named]


def _named_spans(pieces: Pieces, names: pl.Series, touched: pl.Series, number: int) -> Spans:
    """Return the places of each person's own name in the plain pieces."""
    chosen = np.flatnonzero((pieces.kinds == PLAIN) & touched.to_numpy()[pieces.rows])
    texts = pieces.texts.slices(pieces.starts[chosen], pieces.ends[chosen])
    at, starts, ends = own_names.places(texts, names.gather(pl.Series(pieces.rows[chosen])))
    base = pieces.starts[chosen][at]
    return Spans(base + starts, base + ends, np.full(len(at), number))


def _replaced(
    pieces: Pieces, kinds: list[str], beside: Inputs, keys: Keys, options: Mapping[str, Any]
) -> tuple[pl.Series, pl.Series]:
    """Return the masked pieces, and which of them were not understood; each kind of span is masked as one column."""
    texts = pieces.series()

    def work(number: int, places: pl.Series) -> pl.Series:
        some = texts.gather(places)
        if number == PLAIN:
            return some
        if kinds[number].startswith("name:"):
            rows = pl.Series(pieces.rows).gather(places)
            inputs = {"locale": beside["locale"].gather(rows)} if "locale" in beside else {}
            return name.vector(beside[kinds[number]].gather(rows), inputs, keys, {})
        return span_vector(kinds[number], some, keys, options)

    masked = columns.grouped(pl.Series(pieces.kinds), work)
    unknown = masked.is_null()
    if unknown.any() and options["on_unknown"] == "block":
        raise UnknownValuesError(pl.Series(pieces.rows).filter(unknown).unique(maintain_order=True).to_list())
    return masked.fill_null(REMOVED), unknown


def span_vector(kind: str, texts: pl.Series, keys: Keys, options: Mapping[str, Any]) -> pl.Series:
    """Return the masked spans of one kind; NULL for what is unknown."""
    if kind == "unknown":
        return pl.repeat(None, len(texts), dtype=pl.String, eager=True)
    if kind.startswith("national_id:"):
        country = pl.repeat(kind[-2:], len(texts), eager=True)
        return national_id.vector(texts, {"country": country}, keys, _own("national_id", options))
    masked: pl.Series = SIMPLE[kind].vector(texts, {}, keys, _own(kind, options))
    return masked


def _log(pieces: Pieces, kinds: list[str], masked: pl.Series, unknown: pl.Series, keys: Keys) -> pl.DataFrame:
    """Return where each span stood and where its mask stands, in letters of its text."""
    spans_ = np.flatnonzero(pieces.kinds != PLAIN)
    texts, words = pieces.series(), ["name" if kind.startswith("name:") else kind for kind in kinds]
    before, after = (_letters(pieces, item)[:, spans_] for item in (texts, masked))
    kind = pl.Series(words, dtype=pl.String).gather(pieces.kinds[spans_])
    logged = unknown.gather(spans_)
    return pl.DataFrame(
        {
            "row": pieces.rows[spans_],
            "start": before[0],
            "end": before[1],
            "masked_start": after[0],
            "masked_end": after[1],
            "kind": kind.zip_with(~logged, pl.Series(["unknown"])),
            "original_hmac": domains.hashes(texts.gather(spans_), SPAN_DOMAIN, keys),
        },
        schema=SPAN_SCHEMA,
    )


def _letters(pieces: Pieces, texts: pl.Series) -> NDArray[np.int64]:
    """Return start and end of each piece, in letters from the start of its text."""
    ends = texts.str.len_chars().to_numpy().astype(np.int64).cumsum()
    bounds = np.append(0, ends)
    first = bounds[pieces.first()[pieces.rows]]
    return np.stack([bounds[:-1] - first, ends - first])


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
