"""National ids of Great Britain, France and Spain."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sandbox_suite.datasets.keys import Ff1Key, Keys
from sandbox_suite.datasets.masks import coded, columns
from sandbox_suite.datasets.masks.permutation import Permutation

LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"  # of a Spanish id, by its number modulo 23
SIX_DIGITS = Permutation(6)
YEAR = 10**10  # what a French birth year stands for in the twelve enciphered digits


def _key(keys: Keys) -> Ff1Key:
    return keys.ff1("national_id")


def _british_vector(bare: pl.Series, keys: Keys) -> pl.Series:
    masked = SIX_DIGITS.vector(columns.numbers(bare.str.slice(2, 6)), _key(keys))
    return bare.str.head(2) + columns.texts(masked, 6) + bare.str.slice(8)


def _british_scalar(bare: str, keys: Keys) -> str:
    return f"{bare[:2]}{SIX_DIGITS.scalar(int(bare[2:8]), _key(keys)):06d}{bare[8:]}"


def _spanish(pattern: str, digits: int) -> coded.Form:
    """DNI (eight digits) or NIE (X, Y or Z and seven digits), and a letter."""
    permutation, head = Permutation(digits), 8 - digits

    def vector(bare: pl.Series, keys: Keys) -> pl.Series:
        masked = permutation.vector(columns.numbers(bare.str.slice(head, digits)), _key(keys))
        leading = bare.str.head(head)
        first = np.zeros(len(masked), np.uint64)
        if head:
            first = leading.replace_strict({"X": 0, "Y": 1, "Z": 2}, return_dtype=pl.UInt64).to_numpy()
        rest = ((first * np.uint64(10**7) + masked) % np.uint64(23)).astype(np.int64)
        return leading + columns.texts(masked, digits) + pl.Series(list(LETTERS)).gather(rest)

    def scalar(bare: str, keys: Keys) -> str:
        masked = f"{permutation.scalar(int(bare[head:-1]), _key(keys)):0{digits}d}"
        number = int(str("XYZ".index(bare[0])) + masked) if head else int(masked)
        return f"{bare[:head]}{masked}{LETTERS[number % 23]}"

    return coded.Form(pattern, vector, scalar)


def _french_valid(values: columns.Numbers) -> NDArray[np.bool_]:
    month, place = values // 10**8 % 100, values // 10**6 % 100
    commune, order = values // 1000 % 1000, values % 1000
    valid: NDArray[np.bool_] = (
        (month >= 1) & (month <= 12) & (place >= 1) & (place <= 95) & (commune >= 1) & (commune <= 990) & (order >= 1)
    )
    return valid


def _french_valid_scalar(value: int) -> bool:
    text = f"{value:012d}"
    month, place, commune, order = int(text[2:4]), int(text[4:6]), int(text[6:9]), int(text[9:])
    return 1 <= month <= 12 and 1 <= place <= 95 and 1 <= commune <= 990 and order >= 1


def _french_partner(values: columns.Numbers) -> columns.Numbers:
    year, rest = np.divmod(values, np.uint64(YEAR))
    return (year ^ np.uint64(1)) * np.uint64(YEAR) + rest


def _french_partner_scalar(value: int) -> int:
    return (value // YEAR ^ 1) * YEAR + value % YEAR


FRENCH = Permutation(12, _french_valid, _french_valid_scalar, _french_partner, _french_partner_scalar)


def _french(pattern: str, kept: int, permutation: Permutation) -> coded.Form:
    """The first digits stay (sex, or all before the commune), the rest is enciphered, the key is recomputed."""

    def vector(bare: pl.Series, keys: Keys) -> pl.Series:
        masked = permutation.vector(columns.numbers(bare.str.slice(kept, permutation.digits)), _key(keys))
        body = bare.str.head(kept) + columns.texts(masked, permutation.digits)
        plain = body.str.replace("2A", "19", literal=True).str.replace("2B", "18", literal=True)
        return body + columns.texts(np.uint64(97) - columns.numbers(plain) % np.uint64(97), 2)

    def scalar(bare: str, keys: Keys) -> str:
        masked = permutation.scalar(int(bare[kept:13]), _key(keys))
        body = f"{bare[:kept]}{masked:0{permutation.digits}d}"
        plain = body[:5] + {"2A": "19", "2B": "18"}.get(body[5:7], body[5:7]) + body[7:]
        return f"{body}{97 - int(plain) % 97:02d}"

    return coded.Form(pattern, vector, scalar)


GB = (coded.Form("[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]", _british_vector, _british_scalar),)
ES = (_spanish("[0-9]{8}[A-Z]", 8), _spanish("[XYZ][0-9]{7}[A-Z]", 7))
FR = (
    _french("[12][0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[1-8][0-9]|9[0-5])[0-9]{8}", 1, FRENCH),
    _french("[1-478][0-9]{4}(?:[0-9]{2}|2[AB])[0-9]{8}", 7, SIX_DIGITS),  # Corsica, overseas, unknown month
)
