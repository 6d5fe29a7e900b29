"""Date: moved by 1 to 180 days either way, by the same number for all dates of a person, so that spans of time stay."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import polars as pl

from sandbox_suite.datasets import domains
from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks.coded import UnknownValuesError

DOMAIN = "date"
MOST = 180  # days


def vector(values: pl.Series, inputs: Mapping[str, pl.Series], keys: Keys, options: Mapping[str, Any]) -> pl.Series:
    """Return the masked column; a date without a person is unknown."""
    person = inputs["person"]
    if (lost := values.is_not_null() & person.is_null()).any():
        raise UnknownValuesError(lost.arg_true().to_list())
    number = domains.numbers(domains.normalised(person.cast(pl.String)), DOMAIN, keys) % (2 * MOST)
    shift = (number - MOST).zip_with(number < MOST, number - MOST + 1)  # -180 to -1, 1 to 180
    frame = pl.DataFrame({"v": values, "shift": shift})
    return frame.select(pl.col("v") + pl.duration(days=pl.col("shift"))).to_series().cast(values.dtype)


def scalar(value: datetime.date, inputs: Mapping[str, Any], keys: Keys, options: Mapping[str, Any]) -> datetime.date:
    """Return one masked value."""
    person = inputs["person"]
    if person is None:
        raise UnknownValuesError([0])
    number = domains.number_scalar(domains.normalised_scalar(str(person)), DOMAIN, keys) % (2 * MOST)
    return value + datetime.timedelta(days=number - MOST + (number >= MOST))


def codomain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return how far results are from their originals."""
    return {"shift_days": [1, MOST]}
