"""Polish PESEL: birth date with the century in its month, four digits, a check digit (weights 1 3 7 9).

Date and digits are ranked, the rank is enciphered; births from 1900 to 2029. Tagged: the month says that somebody is
born in the 23rd century (for the 20th) or in the 22nd (for the 21st), to whom nobody gives a PESEL yet.
"""

from __future__ import annotations

import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import coded, columns
from sandbox_suite.datasets.masks.permutation import Permutation

FIRST, LAST = datetime.date(1900, 1, 1), datetime.date(2029, 12, 31)
EPOCH = (FIRST - datetime.date(1970, 1, 1)).days
DAYS = (LAST - FIRST).days + 1
PER_DAY = 10_000
SIZE = DAYS * PER_DAY
WEIGHTS = np.array([1, 3, 7, 9, 1, 3, 7, 9, 1, 3])


def _below(values: columns.Numbers) -> NDArray[np.bool_]:
    return values < np.uint64(SIZE)


PERMUTATION = Permutation(9, _below, lambda value: value < SIZE)


def _vector(bare: pl.Series, keys: Keys) -> pl.Series:
    year, month = bare.str.head(2).cast(pl.Int64), bare.str.slice(2, 2).cast(pl.Int64)
    century = year + 1900 + 100 * (month // 20)
    text = century.cast(pl.String) + columns.texts((month % 20).to_numpy().astype(np.uint64), 2) + bare.str.slice(4, 2)
    day = (text.str.to_date("%Y%m%d", strict=False) - FIRST).dt.total_days()
    dated = ((day >= 0) & (day < DAYS)).fill_null(False)
    rank = (day.fill_null(0).clip(0, DAYS - 1) * PER_DAY + bare.str.slice(6, 4).cast(pl.Int64)).cast(pl.UInt64)
    days, serial = np.divmod(PERMUTATION.vector(rank.to_numpy(), keys.ff1("national_id")), np.uint64(PER_DAY))
    date = pl.Series(days.astype(np.int32) + np.int32(EPOCH)).cast(pl.Date)
    months = (date.dt.month().cast(pl.Int64) + 20 * (date.dt.year().cast(pl.Int64) // 100 - 19)).to_numpy()
    body = date.dt.strftime("%y") + columns.texts(months.astype(np.uint64), 2) + date.dt.strftime("%d")
    body = body + columns.texts(serial, 4)
    return (body + _check(body)).zip_with(dated, pl.Series([None], dtype=pl.String))


def _check(body: pl.Series) -> pl.Series:
    total = (columns.digit_matrix(columns.numbers(body), 10) * WEIGHTS).sum(1)
    return columns.texts((-total % 10).astype(np.uint64), 1)


def _scalar(bare: str, keys: Keys) -> str | None:
    century, month = divmod(int(bare[2:4]), 20)
    try:
        day = (datetime.date(1900 + 100 * century + int(bare[:2]), month, int(bare[4:6])) - FIRST).days
    except ValueError:
        return None
    if not 0 <= day < DAYS:
        return None
    rank = PERMUTATION.scalar(day * PER_DAY + int(bare[6:10]), keys.ff1("national_id"))
    date = FIRST + datetime.timedelta(days=rank // PER_DAY)
    month = date.month + (20 if date.year >= 2000 else 0)
    body = f"{date:%y}{month:02d}{date:%d}{rank % PER_DAY:04d}"
    return body + _check_scalar(body)


def _check_scalar(body: str) -> str:
    return str(-sum(int(digit) * (1, 3, 7, 9)[place % 4] for place, digit in enumerate(body)) % 10)


def _later(masked: pl.Series, _: pl.Series) -> pl.Series:
    month = columns.numbers(masked.str.slice(2, 2))
    moved = month + np.where(month > 12, 20, 60).astype(np.uint64)
    body = masked.str.head(2) + columns.texts(moved, 2) + masked.str.slice(4, 6)
    return body + _check(body)


def _later_scalar(masked: str, _: str) -> str:
    month = int(masked[2:4])
    body = f"{masked[:2]}{month + (20 if month > 12 else 60):02d}{masked[4:10]}"
    return body + _check_scalar(body)


TAG = coded.Tag(_later, _later_scalar)
FORMS = (coded.Form("[0-9]{11}", _vector, _scalar, TAG, "[0-9]{2}(?:4[1-9]|5[0-2]|6[1-9]|7[0-2])[0-9]{7}"),)
