"""E-mail: `u`, 16 hex digits of the HMAC, and a reserved host (RFC 2606): no real address looks like it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from sandbox_suite.datasets import domains
from sandbox_suite.datasets.keys import Keys

DOMAIN = "email"
HOST = "@example.com"


def vector(values: pl.Series, inputs: Mapping[str, pl.Series], keys: Keys, options: Mapping[str, Any]) -> pl.Series:
    """Return the masked column."""
    masked = "u" + domains.hashes(domains.normalised(values), DOMAIN, keys).str.slice(0, 16) + HOST
    return masked.zip_with(values.ne_missing(""), values)


def scalar(value: str, inputs: Mapping[str, Any], keys: Keys, options: Mapping[str, Any]) -> str:
    """Return one masked value."""
    return value and f"u{domains.hash_scalar(domains.normalised_scalar(value), DOMAIN, keys)[:16]}{HOST}"


def codomain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what results look like."""
    return {"regex": r"u[0-9a-f]{16}@example\.com"}
