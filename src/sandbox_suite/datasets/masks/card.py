"""Card: the first six digits stay (issuer), the middle is enciphered, the last is Luhn's check digit. One-to-one.

Tagged: a 0 stands before the result. ISO/IEC 7812-1 gives the major industry identifier 0 to no card network, and the
check digit holds with it; a result is one digit longer. The networks' published test numbers are single cards, not
ranges.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import coded, columns
from sandbox_suite.datasets.masks.permutation import Permutation

DOMAIN = "card"
ISSUER = 6


def _vector(bare: pl.Series, keys: Keys) -> pl.Series:
    return columns.grouped(bare.str.len_bytes(), lambda length, rows: _one_length(bare.gather(rows), length, keys))


def _one_length(bare: pl.Series, length: int, keys: Keys) -> pl.Series:
    middle = length - ISSUER - 1
    masked = Permutation(middle).vector(columns.numbers(bare.str.slice(ISSUER, middle)), keys.ff1(DOMAIN))
    body = columns.numbers(bare.str.head(ISSUER)) * np.uint64(10**middle) + masked
    return columns.texts(body, length - 1) + columns.texts(columns.luhn_digits(body, length - 1), 1)


def _scalar(bare: str, keys: Keys) -> str:
    middle = len(bare) - ISSUER - 1
    masked = Permutation(middle).scalar(int(bare[ISSUER:-1]), keys.ff1(DOMAIN))
    body = bare[:ISSUER] + str(masked).zfill(middle)
    total = 0
    for place, digit in enumerate(reversed(body)):
        total += int(digit) if place % 2 else sum(divmod(2 * int(digit), 10))
    return body + str(-total % 10)


FORMS = (coded.Form("[0-9]{13,19}", _vector, _scalar, coded.prefixed("0"), "0[0-9]{13,19}"),)
_CARD = coded.Coded({None: FORMS}, "luhn")
vector, scalar, codomain = _CARD.vector, _CARD.scalar, _CARD.codomain
