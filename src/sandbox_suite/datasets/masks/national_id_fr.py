"""French NIR: sex, year, month, department, commune, order, and a key modulo 97.

Tagged: the months 1 to 12 become 13 to 19 and 43 to 47. The INSEE writes 1 to 12, and where the day of birth is not
known 20 to 42 and 50 to 99; what it never writes are 13 to 19 and 43 to 49. An id with such a makeshift month has no
tagged form.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import coded, columns
from sandbox_suite.datasets.masks.permutation import Permutation

SIX_DIGITS = Permutation(6)
YEAR = 10**10  # what a birth year stands for in the twelve enciphered digits
MONTHS = dict(zip((f"{month:02d}" for month in range(1, 13)), map(str, (*range(13, 20), *range(43, 48))), strict=True))


def _key(body: pl.Series) -> pl.Series:
    plain = body.str.replace("2A", "19", literal=True).str.replace("2B", "18", literal=True)
    return columns.texts(np.uint64(97) - columns.numbers(plain) % np.uint64(97), 2)


def _key_scalar(body: str) -> str:
    plain = body[:5] + {"2A": "19", "2B": "18"}.get(body[5:7], body[5:7]) + body[7:]
    return f"{97 - int(plain) % 97:02d}"


def _never(masked: pl.Series, _: pl.Series) -> pl.Series:
    month = masked.str.slice(3, 2).replace_strict(MONTHS, default=None, return_dtype=pl.String)
    body = masked.str.head(3) + month.fill_null("13") + masked.str.slice(5, 8)
    return (body + _key(body)).zip_with(month.is_not_null(), pl.Series([None], dtype=pl.String))


def _never_scalar(masked: str, _: str) -> str | None:
    if masked[3:5] not in MONTHS:
        return None
    body = masked[:3] + MONTHS[masked[3:5]] + masked[5:13]
    return body + _key_scalar(body)


TAG = coded.Tag(_never, _never_scalar)


def _valid(values: columns.Numbers) -> NDArray[np.bool_]:
    month, place = values // 10**8 % 100, values // 10**6 % 100
    commune, order = values // 1000 % 1000, values % 1000
    valid: NDArray[np.bool_] = (
        (month >= 1) & (month <= 12) & (place >= 1) & (place <= 95) & (commune >= 1) & (commune <= 990) & (order >= 1)
    )
    return valid


def _valid_scalar(value: int) -> bool:
    text = f"{value:012d}"
    month, place, commune, order = int(text[2:4]), int(text[4:6]), int(text[6:9]), int(text[9:])
    return 1 <= month <= 12 and 1 <= place <= 95 and 1 <= commune <= 990 and order >= 1


def _partner(values: columns.Numbers) -> columns.Numbers:
    year, rest = np.divmod(values, np.uint64(YEAR))
    return (year ^ np.uint64(1)) * np.uint64(YEAR) + rest


def _partner_scalar(value: int) -> int:
    return (value // YEAR ^ 1) * YEAR + value % YEAR


PERMUTATION = Permutation(12, _valid, _valid_scalar, _partner, _partner_scalar)


def _form(pattern: str, kept: int, permutation: Permutation, tagged: str) -> coded.Form:
    """The first digits stay (sex, or all before the commune), the rest is enciphered, the key is recomputed."""

    def vector(bare: pl.Series, keys: Keys) -> pl.Series:
        masked = permutation.vector(columns.numbers(bare.str.slice(kept, permutation.digits)), keys.ff1("national_id"))
        body = bare.str.head(kept) + columns.texts(masked, permutation.digits)
        return body + _key(body)

    def scalar(bare: str, keys: Keys) -> str:
        masked = permutation.scalar(int(bare[kept:13]), keys.ff1("national_id"))
        body = f"{bare[:kept]}{masked:0{permutation.digits}d}"
        return body + _key_scalar(body)

    return coded.Form(pattern, vector, scalar, TAG, tagged)


NEVER = "(?:1[3-9]|4[3-7])"
FORMS = (
    _form(
        "[12][0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[1-8][0-9]|9[0-5])[0-9]{8}",
        1,
        PERMUTATION,
        f"[12][0-9]{{2}}{NEVER}(?:0[1-9]|[1-8][0-9]|9[0-5])[0-9]{{8}}",
    ),
    _form(  # Corsica, overseas, unknown month
        "[1-478][0-9]{4}(?:[0-9]{2}|2[AB])[0-9]{8}",
        7,
        SIX_DIGITS,
        f"[1-478][0-9]{{2}}{NEVER}(?:[0-9]{{2}}|2[AB])[0-9]{{8}}",
    ),
)
