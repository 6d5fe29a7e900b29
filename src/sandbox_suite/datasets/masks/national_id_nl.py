"""Dutch BSN: nine digits that pass the test of eleven.

The valid numbers are ranked by their first eight digits, the rank is enciphered. Tagged: the last digit is one too
high, which the test of eleven never allows; the range kept for tests (9999...) is too small to stay one-to-one.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import coded, columns
from sandbox_suite.datasets.masks.permutation import Permutation

DIGITS = 8
WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2)  # a ninth digit is their sum modulo 11, which must not be 10


def _below() -> NDArray[np.int64]:
    """Return [place, rest so far, digit] -> how many valid endings there are with a smaller digit at this place."""
    counts = np.ones(11, np.int64)
    counts[10] = 0
    tables = []
    for weight in reversed(WEIGHTS):
        follow = np.array([[counts[(rest + weight * digit) % 11] for digit in range(10)] for rest in range(11)])
        tables.append(np.concatenate([np.zeros((11, 1), np.int64), follow.cumsum(1)], axis=1))
        counts = follow.sum(1)
    return np.stack(tables[::-1])


BELOW = _below()
SIZE = int(BELOW[0, 0, 10]) - 1  # without the number 0: an even number


def _inside(values: columns.Numbers) -> NDArray[np.bool_]:
    return values < np.uint64(SIZE)


PERMUTATION = Permutation(8, _inside, lambda value: value < SIZE)


def _vector(bare: pl.Series, keys: Keys) -> pl.Series:
    digits = columns.digit_matrix(columns.numbers(bare), 9)
    rest, rank = np.zeros(len(bare), np.int64), np.full(len(bare), -1, np.int64)
    for place, weight in enumerate(WEIGHTS):
        rank += BELOW[place, rest, digits[:, place]]
        rest = (rest + weight * digits[:, place]) % 11
    valid = (rest == digits[:, 8]) & (rank >= 0)
    masked = PERMUTATION.vector(np.where(valid, rank, 0).astype(np.uint64), keys.ff1("national_id"))
    return _unranked(masked.astype(np.int64) + 1).zip_with(pl.Series(valid), pl.Series([None], dtype=pl.String))


def _unranked(rank: NDArray[np.int64]) -> pl.Series:
    rest, number = np.zeros(len(rank), np.int64), np.zeros(len(rank), np.int64)
    for place, weight in enumerate(WEIGHTS):
        digit = (BELOW[place, rest, 1:] <= rank[:, None]).sum(1)
        rank = rank - BELOW[place, rest, digit]
        rest, number = (rest + weight * digit) % 11, number * 10 + digit
    return columns.texts((number * 10 + rest).astype(np.uint64), 9)


def _scalar(bare: str, keys: Keys) -> str | None:
    rest, rank = 0, -1
    for place, weight in enumerate(WEIGHTS):
        rank += int(BELOW[place, rest, int(bare[place])])
        rest = (rest + weight * int(bare[place])) % 11
    if rest != int(bare[8]) or rank < 0:
        return None
    rank, rest, body = PERMUTATION.scalar(rank, keys.ff1("national_id")) + 1, 0, ""
    for place, weight in enumerate(WEIGHTS):
        digit = max(digit for digit in range(10) if BELOW[place, rest, digit] <= rank and _goes_on(place, rest, digit))
        rank -= int(BELOW[place, rest, digit])
        rest, body = (rest + weight * digit) % 11, body + str(digit)
    return f"{body}{rest}"


def _goes_on(place: int, rest: int, digit: int) -> bool:
    return bool(BELOW[place, rest, digit + 1] > BELOW[place, rest, digit])


TAG = coded.Tag(
    lambda masked, _: masked.str.head(8) + columns.texts((columns.numbers(masked.str.tail(1)) + 1) % 10, 1),
    lambda masked, _: masked[:8] + str((int(masked[8]) + 1) % 10),
)
FORMS = (coded.Form("[0-9]{9}", _vector, _scalar, TAG, "[0-9]{9}"),)
