"""Drop: the column is gone from the masked table, a path from its document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from sandbox_suite.datasets.keys import Keys


def vector(values: pl.Series, inputs: Mapping[str, pl.Series], keys: Keys, options: Mapping[str, Any]) -> pl.Series:
    """Return as many NULLs: what a column is before it is taken out."""
    return pl.Series([None] * len(values), dtype=values.dtype)


def scalar(value: Any, inputs: Mapping[str, Any], keys: Keys, options: Mapping[str, Any]) -> None:
    """Return None."""


def codomain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Say that nothing is there."""
    return {"dropped": True}
