"""Name: a given and a family name of the locale; Chinese names stay Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import words

DOMAIN = "name"
TEMPLATES = {"en": "{given} {family}", "zh": "{family}{given}"}


def vector(values: pl.Series, inputs: Mapping[str, pl.Series], keys: Keys, options: Mapping[str, Any]) -> pl.Series:
    """Return the masked column."""
    return words.vector(values, inputs.get("locale"), DOMAIN, TEMPLATES, keys)


def scalar(value: str, inputs: Mapping[str, Any], keys: Keys, options: Mapping[str, Any]) -> str:
    """Return one masked value."""
    return words.scalar(value, inputs.get("locale"), DOMAIN, TEMPLATES, keys)


def codomain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what results look like."""
    return words.codomain(TEMPLATES)
