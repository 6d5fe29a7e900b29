"""Constant: one value for all; NULL stays NULL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from sandbox_suite.datasets.keys import Keys


def vector(values: pl.Series, inputs: Mapping[str, pl.Series], keys: Keys, options: Mapping[str, Any]) -> pl.Series:
    """Return the masked column."""
    constant = _cast(options["value"], values.dtype)
    return constant.gather([0] * len(values)).zip_with(values.is_not_null(), pl.Series([None], dtype=values.dtype))


def scalar(value: Any, inputs: Mapping[str, Any], keys: Keys, options: Mapping[str, Any]) -> Any:
    """Return one masked value."""
    kind = {str: pl.String, bool: pl.Boolean, int: pl.Int64, float: pl.Float64}.get(type(value))
    return _cast(options["value"], kind or pl.Series([value]).dtype).item()


def _cast(value: Any, dtype: Any) -> pl.Series:
    text = pl.Series([value])
    if text.dtype == pl.String and dtype in (pl.Date, pl.Datetime):
        return text.str.to_date("%Y-%m-%d").cast(dtype)  # the policy's dates are ISO text
    return text.cast(dtype)


def codomain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the one value."""
    return {"value": options["value"]}
