"""Template: a text made of parts, each masked by a kind of its own or kept; what stands between them is literal.

The policy composes it: `text: "{region}-{name} <{mail}>"`, and a rule for each part. A text that does not have the
form, or a part that its mask does not understand, is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import polars as pl

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import inner
from sandbox_suite.datasets.masks.coded import UnknownValuesError
from sandbox_suite.datasets.masks.json_paths import codomain_of

PIECE = re.compile(r"\{(\w+)\}")


def vector(values: pl.Series, inputs: Mapping[str, pl.Series], keys: Keys, options: Mapping[str, Any]) -> pl.Series:
    """Return the masked column."""
    found = values.str.extract_groups(f"^(?:{pattern(options)})$").struct.unnest()
    masked = {
        name: inner.texts(part["rule"], found[name], inner.inputs_of(name, inputs), keys)
        for name, part in options["parts"].items()
    }
    pieces = [pl.col(piece) if place % 2 else pl.lit(piece) for place, piece in enumerate(PIECE.split(options["text"]))]
    out = pl.DataFrame(masked).select(pl.concat_str(pieces)).to_series().alias(values.name)
    out = out.zip_with((values != "").fill_null(True), values)
    unknown = out.is_null() & values.is_not_null()
    if unknown.any() and options["on_unknown"] != "drop":
        raise UnknownValuesError(unknown.arg_true().to_list())
    return out


def scalar(value: str, inputs: Mapping[str, Any], keys: Keys, options: Mapping[str, Any]) -> str | None:
    """Return one masked value."""
    if value == "":
        return value
    match = re.fullmatch(pattern(options), value)
    masked = {
        name: inner.text(part["rule"], match[name], inner.inputs_of(name, inputs), keys) if match else None
        for name, part in options["parts"].items()
    }
    if None in masked.values():
        if options["on_unknown"] != "drop":
            raise UnknownValuesError([0])
        return None
    return PIECE.sub(lambda piece: masked[piece[1]] or "", options["text"])


def pattern(options: Mapping[str, Any]) -> str:
    """Return the regex that takes a text apart; Rust and Python read it alike."""
    pieces = []
    for place, piece in enumerate(PIECE.split(options["text"])):
        pieces.append(f"(?P<{piece}>{options['parts'][piece]['match']})" if place % 2 else re.escape(piece))
    return "".join(pieces)


def codomain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the text and the codomain of every part."""
    parts = {name: codomain_of(part["rule"]) for name, part in options["parts"].items()}
    return {"text": options["text"], "parts": parts}
