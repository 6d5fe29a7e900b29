"""US social security number: nine digits. Area 000, 666 and 9xx, group 00 and serial 0000 are never given.

Tagged: area 9xx with a group from 01 to 49. The SSA gives no number with an area above 899 (POMS RM 10201.035), and the
IRS' taxpayer numbers, which begin with 9, have groups from 50 on. 49 million such numbers stand against 888 million
given ones: not one-to-one.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import coded, columns
from sandbox_suite.datasets.masks.permutation import Permutation

DIGITS = 9
PER_AREA = 10**6


def _valid(values: columns.Numbers) -> NDArray[np.bool_]:
    area, group, serial = values // PER_AREA, values // 10_000 % 100, values % 10_000
    valid: NDArray[np.bool_] = (area > 0) & (area != 666) & (area < 900) & (group > 0) & (serial > 0)
    return valid


def _valid_scalar(value: int) -> bool:
    text = f"{value:09d}"
    return text[:3] not in ("000", "666") and text[0] != "9" and text[3:5] != "00" and text[5:] != "0000"


def _partner(values: columns.Numbers) -> columns.Numbers:
    """Exchange neighbouring areas; 898 of them are given, an even number."""
    area, rest = np.divmod(values, np.uint64(PER_AREA))
    rank = (area - np.uint64(1) - (area > 666).astype(np.uint64)) ^ np.uint64(1)
    other = rank + np.uint64(1)
    return (other + (other >= 666).astype(np.uint64)) * np.uint64(PER_AREA) + rest


def _partner_scalar(value: int) -> int:
    area, rest = divmod(value, PER_AREA)
    areas = [number for number in (area - 2, area - 1, area, area + 1, area + 2) if 0 < number < 900 and number != 666]
    even = (area - 1 - (area > 666)) % 2 == 0
    return areas[areas.index(area) + (1 if even else -1)] * PER_AREA + rest


PERMUTATION = Permutation(DIGITS, _valid, _valid_scalar, _partner, _partner_scalar)


def _vector(bare: pl.Series, keys: Keys) -> pl.Series:
    return columns.texts(PERMUTATION.vector(columns.numbers(bare), keys.ff1("national_id")), DIGITS)


def _scalar(bare: str, keys: Keys) -> str:
    return f"{PERMUTATION.scalar(int(bare), keys.ff1('national_id')):09d}"


def _never(masked: pl.Series, _: pl.Series) -> pl.Series:
    area, group = (columns.numbers(masked.str.slice(start, size)) for start, size in ((1, 2), (3, 2)))
    return (
        "9"
        + columns.texts(area, 2)
        + columns.texts((group - np.uint64(1)) % np.uint64(49) + np.uint64(1), 2)
        + (masked.str.slice(5))
    )


TAG = coded.Tag(_never, lambda masked, _: f"9{masked[1:3]}{(int(masked[3:5]) - 1) % 49 + 1:02d}{masked[5:]}")
FORMS = (coded.Form("[0-9]{9}", _vector, _scalar, TAG, "9[0-9]{2}(?:0[1-9]|[1-4][0-9])[0-9]{4}"),)
