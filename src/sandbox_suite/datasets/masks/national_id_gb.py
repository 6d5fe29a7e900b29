"""British national insurance number: two letters, six digits, a suffix from A to D.

Tagged: the suffix becomes W to Z. HMRC's manual NIM39110 knows no other suffixes than A, B, C and D.
"""

from __future__ import annotations

import polars as pl

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import coded, columns
from sandbox_suite.datasets.masks.permutation import Permutation

SIX_DIGITS = Permutation(6)
SUFFIXES = dict(zip("ABCD", "WXYZ", strict=True))


def _vector(bare: pl.Series, keys: Keys) -> pl.Series:
    masked = SIX_DIGITS.vector(columns.numbers(bare.str.slice(2, 6)), keys.ff1("national_id"))
    return bare.str.head(2) + columns.texts(masked, 6) + bare.str.slice(8)


def _scalar(bare: str, keys: Keys) -> str:
    return f"{bare[:2]}{SIX_DIGITS.scalar(int(bare[2:8]), keys.ff1('national_id')):06d}{bare[8:]}"


TAG = coded.Tag(
    lambda masked, _: masked.str.head(8) + masked.str.slice(8).replace_strict(SUFFIXES),
    lambda masked, _: masked[:8] + SUFFIXES[masked[8]],
)
BODY = "[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}"
FORMS = (coded.Form(f"{BODY}[A-D]", _vector, _scalar, TAG, f"{BODY}[W-Z]"),)
