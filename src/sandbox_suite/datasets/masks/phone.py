"""Phone: the prefix stays (country, network, area), the last seven digits are enciphered; the length stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import coded, columns
from sandbox_suite.datasets.masks.permutation import Permutation

DOMAIN = "phone"
PATTERN = "[0-9]{7,15}"  # E.164 has at most 15
TAIL = 7
PERMUTATION = Permutation(TAIL)


def _vector(bare: pl.Series, keys: Keys) -> pl.Series:
    head, tail = bare.str.head(-TAIL), columns.numbers(bare.str.tail(TAIL))
    return head + columns.texts(PERMUTATION.vector(tail, keys.ff1(DOMAIN)), TAIL)


def _scalar(bare: str, keys: Keys) -> str:
    return bare[:-TAIL] + f"{PERMUTATION.scalar(int(bare[-TAIL:]), keys.ff1(DOMAIN)):0{TAIL}d}"


FORMS = (coded.Form(PATTERN, _vector, _scalar),)


def vector(values: pl.Series, inputs: Mapping[str, pl.Series], keys: Keys, options: Mapping[str, Any]) -> pl.Series:
    """Return the masked column."""
    return coded.vector(values, None, {None: FORMS}, keys, options["on_unknown"] == "drop")


def scalar(value: str, inputs: Mapping[str, Any], keys: Keys, options: Mapping[str, Any]) -> str | None:
    """Return one masked value."""
    return coded.scalar(value, FORMS, keys, options["on_unknown"] == "drop")


def codomain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what results look like."""
    return {"regex": PATTERN, "strip": coded.STRIPPED}
