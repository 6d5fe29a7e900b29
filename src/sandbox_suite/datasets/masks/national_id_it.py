"""Italian codice fiscale: six letters of the names, birth date and sex, place, a check letter.

All of it is ranked and enciphered; births from 1920 to 2019, since the year has two digits. Codes in which letters
stand for digits (omocodia) are unknown. Tagged: the first letter of the place, A to I, L, M or Z in the cadastral codes
(Belfiore) of the Agenzia delle Entrate, becomes one of N to Y, which no place has; the check letter holds.
"""

from __future__ import annotations

import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import coded, columns
from sandbox_suite.datasets.masks.permutation import Permutation

FIRST = datetime.date(1920, 1, 1)
EPOCH = (FIRST - datetime.date(1970, 1, 1)).days
DAYS = (datetime.date(2020, 1, 1) - FIRST).days
MONTHS, PLACES, NOWHERE = "ABCDEHLMPRST", "ABCDEFGHILMZ", "NOPQRSTUVWXY"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NAMES = 26**6
SIZE = NAMES * DAYS * 2 * len(PLACES) * 1000
ODD = np.array([1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23])


def _below(values: columns.Numbers) -> NDArray[np.bool_]:
    return values < np.uint64(SIZE)


PERMUTATION = Permutation(18, _below, lambda value: value < SIZE)


def _places(texts: pl.Series, alphabet: str) -> NDArray[np.int64]:
    return texts.replace_strict(
        {letter: place for place, letter in enumerate(alphabet)}, return_dtype=pl.Int64
    ).to_numpy()


def _vector(bare: pl.Series, keys: Keys) -> pl.Series:
    names = np.zeros(len(bare), np.int64)
    for place in range(6):
        names = names * 26 + _places(bare.str.slice(place, 1), ALPHABET)
    day = bare.str.slice(9, 2).cast(pl.Int64)
    year = bare.str.slice(6, 2).cast(pl.Int64)
    month = pl.Series(_places(bare.str.slice(8, 1), MONTHS) + 1)
    date = pl.DataFrame(
        {"y": 1900 + year + 100 * (year < 20).cast(pl.Int64), "m": month, "d": day - 40 * (day > 40).cast(pl.Int64)}
    )
    text = date.select(pl.format("{}-{}-{}", "y", "m", "d")).to_series()
    days = (text.str.to_date("%Y-%m-%d", strict=False) - FIRST).dt.total_days()
    place = _places(bare.str.slice(11, 1), PLACES) * 1000 + bare.str.slice(12, 3).cast(pl.Int64).to_numpy()
    rank = (names * DAYS + days.fill_null(0).to_numpy()) * 2 + (day > 40).to_numpy()
    masked = PERMUTATION.vector((rank * 12_000 + place).astype(np.uint64), keys.ff1("national_id")).astype(np.int64)
    return _unranked(masked).zip_with(days.is_not_null(), pl.Series([None], dtype=pl.String))


def _unranked(rank: NDArray[np.int64]) -> pl.Series:
    rank, place = np.divmod(rank, 12_000)
    rank, female = np.divmod(rank, 2)
    names, days = np.divmod(rank, DAYS)
    letters = pl.Series([""] * len(rank), dtype=pl.String)
    for _ in range(6):
        names, letter = np.divmod(names, 26)
        letters = pl.Series(list(ALPHABET)).gather(letter) + letters
    date = pl.Series(days.astype(np.int32) + np.int32(EPOCH)).cast(pl.Date)
    month = pl.Series(list(MONTHS)).gather(date.dt.month().cast(pl.Int64) - 1)
    day = columns.texts((date.dt.day().to_numpy().astype(np.int64) + 40 * female).astype(np.uint64), 2)
    town = pl.Series(list(PLACES)).gather(place // 1000) + columns.texts((place % 1000).astype(np.uint64), 3)
    body = letters + date.dt.strftime("%y") + month + day + town
    return body + _check(body)


def _check(body: pl.Series) -> pl.Series:
    total = np.zeros(len(body), np.int64)
    for place in range(15):
        signs = _places(body.str.slice(place, 1), "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        value = np.where(signs > 9, signs - 10, signs)  # 0 and A count alike
        total += value if place % 2 else ODD[value]
    return pl.Series(list(ALPHABET)).gather(total % 26)


def _scalar(bare: str, keys: Keys) -> str | None:
    year, day = int(bare[6:8]), int(bare[9:11])
    try:
        date = datetime.date(
            2000 + year if year < 20 else 1900 + year, 1 + MONTHS.index(bare[8]), day - 40 * (day > 40)
        )
    except ValueError:
        return None
    rank = 0
    for letter in bare[:6]:
        rank = rank * 26 + ALPHABET.index(letter)
    rank = (rank * DAYS + (date - FIRST).days) * 2 + (day > 40)
    rank = rank * 12_000 + PLACES.index(bare[11]) * 1000 + int(bare[12:15])
    rank, place = divmod(PERMUTATION.scalar(rank, keys.ff1("national_id")), 12_000)
    rank, female = divmod(rank, 2)
    rank, days = divmod(rank, DAYS)
    names = ""
    for _ in range(6):
        rank, letter_ = divmod(rank, 26)
        names = ALPHABET[letter_] + names
    date = FIRST + datetime.timedelta(days=days)
    body = f"{names}{date:%y}{MONTHS[date.month - 1]}{date.day + 40 * female:02d}"
    body += f"{PLACES[place // 1000]}{place % 1000:03d}"
    return body + _check_scalar(body)


def _check_scalar(body: str) -> str:
    values = [int(sign) if sign.isdigit() else ALPHABET.index(sign) for sign in body]
    return ALPHABET[sum(value if place % 2 else int(ODD[value]) for place, value in enumerate(values)) % 26]


def _nowhere(masked: pl.Series, _: pl.Series) -> pl.Series:
    moved = masked.str.slice(11, 1).replace_strict(dict(zip(PLACES, NOWHERE, strict=True)), return_dtype=pl.String)
    body = masked.str.head(11) + moved + masked.str.slice(12, 3)
    return body + _check(body)


def _nowhere_scalar(masked: str, _: str) -> str:
    body = masked[:11] + NOWHERE[PLACES.index(masked[11])] + masked[12:15]
    return body + _check_scalar(body)


TAG = coded.Tag(_nowhere, _nowhere_scalar)
BODY = "[A-Z]{6}[0-9]{2}[ABCDEHLMPRST](?:[04][1-9]|[1256][0-9]|[37][01])"
FORMS = (coded.Form(f"{BODY}[A-ILMZ][0-9]{{3}}[A-Z]", _vector, _scalar, TAG, f"{BODY}[N-Y][0-9]{{3}}[A-Z]"),)
