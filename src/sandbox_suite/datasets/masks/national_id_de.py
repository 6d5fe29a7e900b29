"""German tax id: ten digits and a check digit (ISO 7064, mod 11,10).

The first is not 0, and exactly one digit occurs more than once, two or three times. Tagged: the first digit and 0
change places, so that the id begins with 0, which the Federal Central Tax Office (BZSt) keeps for test ids and gives to
nobody. Nine first digits become one: not one-to-one.
"""

from __future__ import annotations

import functools

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import coded, columns
from sandbox_suite.datasets.masks.permutation import Permutation

DIGITS = 10
HALF = 10**5
ONES, FROM_4 = np.uint64(0x1111111111), np.uint64(0xCCCCCCCCCC)  # the four bits of each digit's count: 1; 4 or more
# Exchanging digits keeps which of them repeat; 0 stays, since no id starts with it. One of 1 to 8 is always there.
EXCHANGED = np.array([0, 2, 1, 4, 3, 6, 5, 8, 7, 9])
POWERS = (10 ** np.arange(DIGITS - 1, -1, -1)).astype(np.int64)


@functools.cache
def _halves() -> tuple[columns.Numbers, columns.Numbers]:
    """Return, per number of five digits, how often it has each digit (four bits each), and its digits exchanged."""
    digits = columns.digit_matrix(np.arange(HALF, dtype=np.uint64), DIGITS // 2)
    counts = (np.uint64(1) << (4 * digits).astype(np.uint64)).sum(1, dtype=np.uint64)
    return counts, (EXCHANGED[digits] * POWERS[DIGITS // 2 :]).sum(1).astype(np.uint64)


def _split(values: columns.Numbers) -> tuple[columns.Numbers, columns.Numbers]:
    high = values // np.uint64(HALF)
    return high, values - high * np.uint64(HALF)


def _valid(values: columns.Numbers) -> NDArray[np.bool_]:
    high, low = _split(values)
    counts = _halves()[0][high] + _halves()[0][low]
    repeated = (counts >> np.uint64(1)) & ONES  # of counts up to 3 those that are 2 or 3
    single = (repeated != 0) & (repeated & (repeated - np.uint64(1)) == 0)
    valid: NDArray[np.bool_] = single & (counts & FROM_4 == 0) & (high >= HALF // 10)
    return valid


def _valid_scalar(value: int) -> bool:
    text = f"{value:010d}"
    repeated = [text.count(digit) for digit in set(text) if text.count(digit) > 1]
    return text[0] != "0" and len(repeated) == 1 and repeated[0] <= 3


def _partner(values: columns.Numbers) -> columns.Numbers:
    high, low = _split(values)
    partners: columns.Numbers = _halves()[1][high] * np.uint64(HALF) + _halves()[1][low]
    return partners


def _partner_scalar(value: int) -> int:
    return int(f"{value:010d}".translate(str.maketrans("12345678", "21436587")))


PERMUTATION = Permutation(DIGITS, _valid, _valid_scalar, _partner, _partner_scalar)


def _check(body: pl.Series) -> pl.Series:
    product = np.full(len(body), 10, np.int64)
    for digit in columns.digit_matrix(columns.numbers(body), DIGITS).T:
        total = (digit + product) % 10
        product = np.where(total == 0, 10, total) * 2 % 11
    return columns.texts(((11 - product) % 10).astype(np.uint64), 1)


def _check_scalar(body: str) -> str:
    product = 10
    for digit in body:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)


def _vector(bare: pl.Series, keys: Keys) -> pl.Series:
    body = columns.texts(PERMUTATION.vector(columns.numbers(bare.str.head(DIGITS)), keys.ff1("national_id")), DIGITS)
    return body + _check(body)


def _scalar(bare: str, keys: Keys) -> str:
    body = f"{PERMUTATION.scalar(int(bare[:DIGITS]), keys.ff1('national_id')):010d}"
    return body + _check_scalar(body)


def _test_id(masked: pl.Series, _: pl.Series) -> pl.Series:
    digits = columns.digit_matrix(columns.numbers(masked.str.head(DIGITS)), DIGITS)
    first = digits[:, :1]
    changed = np.where(digits == first, 0, np.where(digits == 0, first, digits))
    body = columns.texts((changed * POWERS).sum(1).astype(np.uint64), DIGITS)
    return body + _check(body)


def _test_id_scalar(masked: str, _: str) -> str:
    body = masked[:DIGITS].translate(str.maketrans(f"0{masked[0]}", f"{masked[0]}0"))
    return body + _check_scalar(body)


TAG = coded.Tag(_test_id, _test_id_scalar)
FORMS = (coded.Form("[1-9][0-9]{10}", _vector, _scalar, TAG, "0[0-9]{10}"),)
