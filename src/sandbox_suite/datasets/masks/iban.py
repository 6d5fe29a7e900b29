"""IBAN: country, bank letters and at most the first digits of the bank stay, up to 18 are enciphered; mod 97 holds.

Check digits that a country hides inside the account number are not kept valid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import coded, columns, ff1
from sandbox_suite.datasets.masks.permutation import Permutation

DOMAIN = "iban"
SHAPES = {  # country: (letters after the check digits, digits after these), where the rest is digits only
    "AT": (0, 16), "BE": (0, 12), "CH": (0, 17), "DE": (0, 18), "DK": (0, 14), "ES": (0, 20), "FI": (0, 14),
    "FR": (0, 23), "GB": (4, 14), "IE": (4, 14), "IT": (1, 22), "NL": (4, 10), "NO": (0, 11), "PL": (0, 24),
    "PT": (0, 21), "SE": (0, 20),
}  # fmt: skip


def _form(country: str) -> coded.Form:
    letters, digits = SHAPES[country]
    tail = min(digits, ff1.LONGEST)
    permutation = Permutation(tail)

    def vector(bare: pl.Series, keys: Keys) -> pl.Series:
        head = bare.str.slice(4, letters + digits - tail)
        masked = permutation.vector(columns.numbers(bare.str.tail(tail)), keys.ff1(DOMAIN))
        rest = _mod_97(head, masked, tail, country)
        return country + columns.texts(np.uint64(98) - rest, 2) + head + columns.texts(masked, tail)

    def scalar(bare: str, keys: Keys) -> str:
        masked = permutation.scalar(int(bare[-tail:]), keys.ff1(DOMAIN))
        body = bare[4:-tail] + str(masked).zfill(tail)
        rest = int("".join(str(int(letter, 36)) for letter in body + country) + "00") % 97
        return f"{country}{98 - rest:02d}{body}"

    return coded.Form(f"{country}[0-9]{{2}}[A-Z]{{{letters}}}[0-9]{{{digits}}}", vector, scalar)


def _mod_97(head: pl.Series, tail: ff1.Numbers, digits: int, country: str) -> ff1.Numbers:
    """Return (head tail country 00) mod 97; heads are few (bank codes), so each is reckoned once."""
    names = head.unique()
    rests = [int("".join(str(int(letter, 36)) for letter in name) or "0") % 97 for name in names.to_list()]
    rest = head.replace_strict(names, pl.Series(rests, dtype=pl.UInt64), return_dtype=pl.UInt64).to_numpy()
    rest = (rest * np.uint64(pow(10, digits, 97)) + tail % np.uint64(97)) % np.uint64(97)
    last = int("".join(str(int(letter, 36)) for letter in country) + "00")
    moved: ff1.Numbers = (rest * np.uint64(10**6 % 97) + np.uint64(last % 97)) % np.uint64(97)
    return moved


FORMS = tuple(_form(country) for country in SHAPES)


def vector(values: pl.Series, inputs: Mapping[str, pl.Series], keys: Keys, options: Mapping[str, Any]) -> pl.Series:
    """Return the masked column."""
    return coded.vector(values, None, {None: FORMS}, keys, options["on_unknown"] == "drop")


def scalar(value: str, inputs: Mapping[str, Any], keys: Keys, options: Mapping[str, Any]) -> str | None:
    """Return one masked value."""
    return coded.scalar(value, FORMS, keys, options["on_unknown"] == "drop")


def codomain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what results look like."""
    return {"regex": "|".join(form.pattern for form in FORMS), "strip": coded.STRIPPED, "check": "mod97"}
