"""Normalising values before they are hashed: one place, two spellings that must agree (vector and scalar).

NFC, surrounding blanks removed, lower case (`lower`, not `casefold`: Rust and Python differ there).
"""

from __future__ import annotations

import hmac
import unicodedata
from typing import TYPE_CHECKING

import polars_hash  # noqa: F401 - gives polars expressions their `chash`

from sandbox_suite.datasets.keys import Keys

if TYPE_CHECKING:
    import polars as pl

BLANKS = " \t\r\n\u00a0\u3000"
# What is below U+0300, and Chinese with its signs, is in NFC as it is (NFC_Quick_Check=Yes, no combining class).
PERHAPS_NOT_NFC = r"[^\x00-\x{2ff}\x{3000}-\x{3029}\x{4e00}-\x{9fff}\x{ff00}-\x{ffef}]"
HEX = 15  # hex digits of an HMAC that make a number: 60 bits, always positive as Int64


def normalised(values: pl.Series) -> pl.Series:
    """Return the values as they are hashed."""
    stripped = values.str.strip_chars(BLANKS)
    other = stripped.str.contains(PERHAPS_NOT_NFC).fill_null(False)  # to normalise takes longer than all else
    if other.any():
        stripped = stripped.scatter(other.arg_true(), stripped.filter(other).str.normalize("NFC"))
    return stripped.str.to_lowercase()


def normalised_scalar(value: str) -> str:
    """Return one value as it is hashed."""
    return unicodedata.normalize("NFC", value.strip(BLANKS)).lower()


def hashes(values: pl.Series, domain: str, keys: Keys) -> pl.Series:
    """Return the HMAC-SHA256 of the values, as they are, in hex."""
    import polars as pl

    hashed = pl.col("value").chash.hmac_sha256(key=keys.text(domain))  # type: ignore[attr-defined]
    return values.to_frame("value").select(hashed).to_series()


def hash_scalar(value: str, domain: str, keys: Keys) -> str:
    """Return the HMAC-SHA256 of one value in hex."""
    return hmac.digest(keys.text(domain).encode(), value.encode(), "sha256").hex()


def numbers(values: pl.Series, domain: str, keys: Keys) -> pl.Series:
    """Return the first 60 bits of each HMAC."""
    return hashes(values, domain, keys).str.slice(0, HEX).str.to_integer(base=16)


def number_scalar(value: str, domain: str, keys: Keys) -> int:
    """Return the first 60 bits of one HMAC."""
    return int(hash_scalar(value, domain, keys)[:HEX], 16)
