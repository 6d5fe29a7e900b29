"""Chinese resident id: county (6), birth date (8), order (3) and a check digit (ISO 7064, mod 11-2).

County, date and order are ranked, the rank is enciphered. A county that was renumbered at some time stays as it
is, since not every birth date goes with it; date and order are enciphered all the same.

Tagged: the province, the first two digits, becomes one of those that GB/T 2260 assigns to nobody; date, order and check
digit hold. An id of no known province has no tagged form.
"""

from __future__ import annotations

import datetime
import functools

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sandbox_suite.datasets import pools
from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import coded, columns
from sandbox_suite.datasets.masks.permutation import Permutation

FIRST, LAST = datetime.date(1900, 1, 1), datetime.date(2029, 12, 31)
DAYS = (LAST - FIRST).days + 1
ORDERS = 1000
WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
CHECK = "10X98765432"
GIVEN = "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83"
FREE = "10 16 17 18 19 20 24 25 26 27 28 29 30 38 39 40 47 48 49 55 56 57 58 59 60 66 67 68 69 70 72 73 74 75 76"
PROVINCES = dict(zip(GIVEN.split(), FREE.split(), strict=True))


@functools.cache
def _counties() -> dict[str, int]:
    return {county: rank for rank, county in enumerate(pools.words("region.cn"))}


@functools.cache
def _below(counties: int) -> Permutation:
    """The permutation of all ranks of so many counties."""
    size = counties * DAYS * ORDERS

    def valid(values: columns.Numbers) -> NDArray[np.bool_]:
        return values < np.uint64(size)

    return Permutation(len(str(size - 1)), valid, lambda value: value < size)


def _vector(bare: pl.Series, keys: Keys) -> pl.Series:
    ranks = bare.str.head(6).replace_strict(_counties(), default=None, return_dtype=pl.Int64)
    return columns.grouped(
        ranks.is_not_null(), lambda listed, rows: _class(listed, bare.gather(rows), ranks.gather(rows), keys)
    )


def _class(listed: bool, bare: pl.Series, ranks: pl.Series, keys: Keys) -> pl.Series:
    permutation = _below(len(_counties()) if listed else 1)
    day = (bare.str.slice(6, 8).str.to_date("%Y%m%d", strict=False) - FIRST).dt.total_days()
    dated = ((day >= 0) & (day < DAYS)).fill_null(False)
    order = bare.str.slice(14, 3).cast(pl.Int64)
    rank = (
        ((ranks.fill_null(0) * DAYS + day.fill_null(0).clip(0, DAYS - 1)) * ORDERS + order).cast(pl.UInt64).to_numpy()
    )
    rest, order_ = np.divmod(permutation.vector(rank, keys.ff1("national_id")), np.uint64(ORDERS))
    county, day_ = np.divmod(rest, np.uint64(DAYS))
    head = (
        pl.Series(pools.words("region.cn"), dtype=pl.String).gather(county.astype(np.int64))
        if listed
        else bare.str.head(6)
    )
    date = (
        pl.Series(day_.astype(np.int32) + np.int32((FIRST - datetime.date(1970, 1, 1)).days)).cast(pl.Date)
    ).dt.strftime("%Y%m%d")
    body = head + date + columns.texts(order_, 3)
    return (body + _check(body)).zip_with(dated, pl.Series([None], dtype=pl.String))


def _check(body: pl.Series) -> pl.Series:
    total = (columns.digit_matrix(columns.numbers(body), 17) * WEIGHTS).sum(1) % 11
    return pl.Series(list(CHECK)).gather(total)


def _scalar(bare: str, keys: Keys) -> str | None:
    try:
        day = (datetime.datetime.strptime(bare[6:14], "%Y%m%d").date() - FIRST).days
    except ValueError:
        return None
    if not 0 <= day < DAYS:
        return None
    listed = bare[:6] in _counties()
    permutation = _below(len(_counties()) if listed else 1)
    rank = (_counties().get(bare[:6], 0) * DAYS + day) * ORDERS + int(bare[14:17])
    rest, order = divmod(permutation.scalar(rank, keys.ff1("national_id")), ORDERS)
    county, day = divmod(rest, DAYS)
    head = pools.words("region.cn")[county] if listed else bare[:6]
    body = f"{head}{FIRST + datetime.timedelta(days=day):%Y%m%d}{order:03d}"
    return body + _check_scalar(body)


def _check_scalar(body: str) -> str:
    return CHECK[sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(body)) % 11]


def _never(masked: pl.Series, _: pl.Series) -> pl.Series:
    province = masked.str.head(2).replace_strict(PROVINCES, default=None, return_dtype=pl.String)
    known = province.is_not_null()
    body = province.fill_null("10") + masked.str.slice(2, 15)
    return (body + _check(body)).zip_with(known, pl.Series([None], dtype=pl.String))


def _never_scalar(masked: str, _: str) -> str | None:
    if masked[:2] not in PROVINCES:
        return None
    body = PROVINCES[masked[:2]] + masked[2:17]
    return body + _check_scalar(body)


TAG = coded.Tag(_never, _never_scalar)
FORMS = (
    coded.Form(
        "[1-9][0-9]{5}[0-9]{8}[0-9]{3}[0-9X]",
        _vector,
        _scalar,
        TAG,
        f"(?:{FREE.replace(' ', '|')})[0-9]{{4}}[0-9]{{8}}[0-9]{{3}}[0-9X]",
    ),
)
