"""Card: the first six digits stay (issuer), the middle is enciphered, the last is Luhn's check digit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import coded, columns
from sandbox_suite.datasets.masks.permutation import Permutation

DOMAIN = "card"
PATTERN = "[0-9]{13,19}"
ISSUER = 6


def _vector(bare: pl.Series, keys: Keys) -> pl.Series:
    return columns.grouped(bare.str.len_bytes(), lambda length, rows: _one_length(bare.gather(rows), length, keys))


def _one_length(bare: pl.Series, length: int, keys: Keys) -> pl.Series:
    middle = length - ISSUER - 1
    masked = Permutation(middle).vector(columns.numbers(bare.str.slice(ISSUER, middle)), keys.ff1(DOMAIN))
    body = columns.numbers(bare.str.head(ISSUER)) * np.uint64(10**middle) + masked
    digits = columns.digit_matrix(body, length - 1)[:, ::-1]
    doubled = digits[:, 0::2] * 2
    total = np.where(doubled > 9, doubled - 9, doubled).sum(1) + digits[:, 1::2].sum(1)
    return columns.texts(body, length - 1) + columns.texts((-total % 10).astype(np.uint64), 1)


def _scalar(bare: str, keys: Keys) -> str:
    middle = len(bare) - ISSUER - 1
    masked = Permutation(middle).scalar(int(bare[ISSUER:-1]), keys.ff1(DOMAIN))
    body = bare[:ISSUER] + str(masked).zfill(middle)
    total = 0
    for place, digit in enumerate(reversed(body)):
        total += int(digit) if place % 2 else sum(divmod(2 * int(digit), 10))
    return body + str(-total % 10)


FORMS = (coded.Form(PATTERN, _vector, _scalar),)


def vector(values: pl.Series, inputs: Mapping[str, pl.Series], keys: Keys, options: Mapping[str, Any]) -> pl.Series:
    """Return the masked column."""
    return coded.vector(values, None, {None: FORMS}, keys, options["on_unknown"] == "drop")


def scalar(value: str, inputs: Mapping[str, Any], keys: Keys, options: Mapping[str, Any]) -> str | None:
    """Return one masked value."""
    return coded.scalar(value, FORMS, keys, options["on_unknown"] == "drop")


def codomain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what results look like."""
    return {"regex": PATTERN, "strip": coded.STRIPPED, "check": "luhn"}
