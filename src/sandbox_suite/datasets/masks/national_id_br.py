"""Brazilian CPF: nine digits and two check digits, modulo 11. Nine equal digits are never given.

Tagged: the last check digit is one too high. The Receita Federal's numbers leave no range free, but none of them has a
wrong check digit.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import coded, columns
from sandbox_suite.datasets.masks.permutation import Permutation

DIGITS = 9
ONES = 111_111_111
POWERS = (10 ** np.arange(DIGITS - 1, -1, -1)).astype(np.int64)


def _valid(values: columns.Numbers) -> NDArray[np.bool_]:
    valid: NDArray[np.bool_] = values % np.uint64(ONES) != 0
    return valid


def _partner(values: columns.Numbers) -> columns.Numbers:
    """Exchange 0 with 1, 2 with 3 ..., in every place: equal digits stay equal."""
    partners: columns.Numbers = ((columns.digit_matrix(values, DIGITS) ^ 1) * POWERS).sum(1).astype(np.uint64)
    return partners


def _partner_scalar(value: int) -> int:
    return int(f"{value:09d}".translate(str.maketrans("0123456789", "1032547698")))


PERMUTATION = Permutation(DIGITS, _valid, lambda value: value % ONES != 0, _partner, _partner_scalar)


def _vector(bare: pl.Series, keys: Keys) -> pl.Series:
    masked = PERMUTATION.vector(columns.numbers(bare.str.head(DIGITS)), keys.ff1("national_id"))
    digits = columns.digit_matrix(masked, DIGITS)
    first = (digits * np.arange(10, 1, -1)).sum(1) * 10 % 11 % 10
    second = ((digits * np.arange(11, 2, -1)).sum(1) + 2 * first) * 10 % 11 % 10
    return columns.texts(masked, DIGITS) + columns.texts((10 * first + second).astype(np.uint64), 2)


def _scalar(bare: str, keys: Keys) -> str:
    body = f"{PERMUTATION.scalar(int(bare[:DIGITS]), keys.ff1('national_id')):09d}"
    for _ in range(2):
        total = sum(int(digit) * (len(body) + 1 - place) for place, digit in enumerate(body))
        body += str(total * 10 % 11 % 10)
    return body


TAG = coded.Tag(
    lambda masked, _: masked.str.head(10) + columns.texts((columns.numbers(masked.str.tail(1)) + 1) % 10, 1),
    lambda masked, _: masked[:10] + str((int(masked[10]) + 1) % 10),
)
FORMS = (coded.Form("[0-9]{11}", _vector, _scalar, TAG, "[0-9]{11}"),)
