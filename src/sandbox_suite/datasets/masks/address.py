"""Address: street, number and city of the locale; Chinese addresses stay Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import words

DOMAIN = "address"
TEMPLATES = {
    "en": "{number} {street}, {city}",
    "fr": "{number} {street}, {city}",
    "it": "{street} {number}, {city}",
    "de": "{street} {number}, {city}",
    "nl": "{street} {number}, {city}",
    "pl": "{street} {number}, {city}",
    "es": "{street}, {number}, {city}",
    "pt": "{street}, {number}, {city}",
    "zh": "{city}{street}{number}号",
}


def vector(values: pl.Series, inputs: Mapping[str, pl.Series], keys: Keys, options: Mapping[str, Any]) -> pl.Series:
    """Return the masked column."""
    return words.vector(values, inputs.get("locale"), DOMAIN, TEMPLATES, keys)


def scalar(value: str, inputs: Mapping[str, Any], keys: Keys, options: Mapping[str, Any]) -> str:
    """Return one masked value."""
    return words.scalar(value, inputs.get("locale"), DOMAIN, TEMPLATES, keys)


def codomain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what results look like."""
    return words.codomain(TEMPLATES)
