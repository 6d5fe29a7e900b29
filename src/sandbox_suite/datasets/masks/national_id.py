"""National ids of six countries: enciphered inside the set of valid ids, with the check digits of the result.

A form says which part of an id is enciphered, which numbers are possible there, and how the check digits are made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import coded, national_id_cn, national_id_de, national_id_eu, national_id_us

DOMAIN = "national_id"
FORMS: Mapping[str, coded.Forms] = {
    "US": national_id_us.FORMS,
    "GB": national_id_eu.GB,
    "DE": national_id_de.FORMS,
    "FR": national_id_eu.FR,
    "ES": national_id_eu.ES,
    "CN": national_id_cn.FORMS,
}


def vector(values: pl.Series, inputs: Mapping[str, pl.Series], keys: Keys, options: Mapping[str, Any]) -> pl.Series:
    """Return the masked column; the country of a row chooses its form."""
    return coded.vector(values, inputs["country"].str.to_uppercase(), FORMS, keys, options["on_unknown"] == "drop")


def scalar(value: str, inputs: Mapping[str, Any], keys: Keys, options: Mapping[str, Any]) -> str | None:
    """Return one masked value."""
    forms = FORMS.get((inputs["country"] or "").upper(), ())
    return coded.scalar(value, forms, keys, options["on_unknown"] == "drop")


def codomain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what results look like."""
    patterns = [form.pattern for forms in FORMS.values() for form in forms]
    return {
        "regex": "|".join(patterns),
        "strip": coded.STRIPPED,
        "check": "national_id",
        "country": options["country"],
    }
