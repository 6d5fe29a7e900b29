"""US social security number: nine digits. Area 000, 666 and 9xx, group 00 and serial 0000 are never given."""

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


FORMS = (coded.Form("[0-9]{9}", _vector, _scalar),)
