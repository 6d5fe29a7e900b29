"""The oracle for whole columns. What it does not know it asks the scalar oracle, value by value; both say the same."""

import hmac
import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import numpy as np
import polars as pl
import polars_hash  # noqa: F401 - gives polars expressions their `chash`
from numpy.typing import NDArray

from sandbox_suite.datasets import pools
from sandbox_suite.datasets.gate import ids, ids_columns, oracle, signs
from sandbox_suite.datasets.gate.case import Rule
from sandbox_suite.datasets.gate.ff1 import Ff1
from sandbox_suite.datasets.gate.ids_columns import Mask
from sandbox_suite.datasets.gate.oracle import UNKNOWN, Oracle
from sandbox_suite.datasets.gate.signs import Bytes, Numbers

BLOCK = 64  # bytes of a block of SHA-256
HAN = r"[\x{4e00}-\x{9fff}]"


def mask(own: Oracle, rule: Rule, values: pl.Series, beside: pl.Series | None) -> tuple[pl.Series, pl.Series]:
    """Return what values become, row by row, and which of them the mask must not understand; NULL becomes NULL.

    `beside` holds each row's locale, country or person where the rule names one. What is not understood is NULL.
    """
    there = values.is_not_null()
    if rule.kind in ("email", "name", "address") or (
        rule.kind in oracle.CODED and rule.options.get("mode") != "tagged"
    ):
        done = there & (values != "").fill_null(False) & ~values.str.contains("\x00", literal=True).fill_null(True)
        rows = done.arg_true()
        some, lent = values.gather(rows), None if beside is None else beside.gather(rows)
        masked = pl.repeat(None, len(values), dtype=pl.String, eager=True)
        masked = masked.scatter(rows, _KINDS.get(rule.kind, _coded)(own, rule, some, lent))
    else:
        masked = pl.repeat(None, len(values), dtype=values.dtype, eager=True)
    rest = (there & masked.is_null()).arg_true()
    return _one_by_one(own, rule, values, beside, masked, rest)


def _one_by_one(
    own: Oracle, rule: Rule, values: pl.Series, beside: pl.Series | None, masked: pl.Series, rows: pl.Series
) -> tuple[pl.Series, pl.Series]:
    name = {"date": "person", "national_id": "country"}.get(rule.kind, "locale")
    lent = [None] * len(rows) if beside is None else beside.gather(rows).to_list()
    strict = Rule(rule.kind, {"mode": rule.options.get("mode")})  # whether a value is dropped, the caller decides
    found = [own.mask(strict, value, {name: item}) for value, item in zip(values.gather(rows), lent, strict=True)]
    unknown = np.zeros(len(values), bool)
    unknown[[row for row, value in zip(rows, found, strict=True) if value is UNKNOWN]] = True
    told = pl.Series([None if value is UNKNOWN else value for value in found], dtype=masked.dtype)
    return masked.scatter(rows, told), pl.Series(unknown)


def plain(values: pl.Series) -> pl.Series:
    """Return texts as they are hashed."""
    return pl.select(ids.composed(pl.lit(values.str.strip_chars(oracle.BLANKS)), "NFC").str.to_lowercase()).to_series()


def hashes(key: bytes, values: pl.Series) -> bytes:
    """Return the HMAC-SHA256 of each text, 32 bytes each; the key has at most 64 bytes."""
    if len(key) > BLOCK:
        return b"".join(hmac.digest(key, value.encode(), "sha256") for value in values)
    inner, outer = (sha256(bytes(byte ^ pad for byte in key.ljust(BLOCK, b"\x00"))) for pad in (0x36, 0x5C))
    return b"".join(_hashes(inner.copy, outer.copy, values))


def _hashes(inner: Callable[[], Any], outer: Callable[[], Any], values: pl.Series) -> Iterator[bytes]:
    for value in values:
        first, second = inner(), outer()
        first.update(value.encode())
        second.update(first.digest())
        yield second.digest()


def tags(own: Oracle, values: pl.Series) -> Bytes:
    """Return the HMACs by which the span log names originals, 32 bytes each; they mask nothing."""
    hashed = pl.col("v").chash.hmac_sha256(key=own.key("span").decode())  # type: ignore[attr-defined]
    told = values.to_frame("v").select(hashed).to_series().str.join("").item() or ""
    return np.frombuffer(bytes.fromhex(told), np.uint8).reshape(-1, 32)


def _numbers(own: Oracle, domain: str, values: pl.Series) -> Numbers:
    """Return the first 60 bits of each HMAC."""
    found = np.frombuffer(hashes(own.key(domain), values), ">u8")[::4] >> np.uint64(4)
    return found.astype(np.int64)


def _email(own: Oracle, rule: Rule, values: pl.Series, beside: pl.Series | None) -> pl.Series:
    digests = hashes(own.key("email"), plain(values)).hex()
    return pl.Series([f"u{digests[at : at + 16]}@example.com" for at in range(0, len(digests), 64)], dtype=pl.String)


def _filled(own: Oracle, rule: Rule, values: pl.Series, beside: pl.Series | None) -> pl.Series:
    templates, other = oracle.FILLED[rule.kind]
    normal = plain(values)
    chosen, language = _numbers(own, rule.kind, normal), _languages(values, beside)
    out = pl.repeat(None, len(values), dtype=pl.String, eager=True)
    for name in language.unique().to_list():
        rows = (language == name).arg_true()
        template, some = templates.get(name, other), chosen[rows.to_numpy()]
        told = _fill(template, name, some)
        same = (plain(told) == normal.gather(rows)).arg_true()
        out = out.scatter(rows, told.scatter(same, _fill(template, name, some[same.to_numpy()] + 1)))
    return out


def _languages(values: pl.Series, locale: pl.Series | None) -> pl.Series:
    chinese = pl.when(values.str.contains(HAN)).then(pl.lit("zh")).otherwise(pl.lit("en"))
    script = pl.select(chinese.alias("l"))["l"]
    if locale is None:
        return script
    short = locale.str.slice(0, 2).str.to_lowercase()
    return short.zip_with(short.is_in(pools.LANGUAGES).fill_null(False), script)


def _fill(template: str, language: str, chosen: Numbers) -> pl.Series:
    pieces: list[pl.Series | pl.Expr] = []
    for piece in re.split(r"(\{\w+\})", template):
        if piece.startswith("{"):
            words = pl.Series(oracle.pool_words(piece[1:-1], language), dtype=pl.String)
            chosen, place = np.divmod(chosen, len(words))
            pieces.append(words.gather(place))
        elif piece:
            pieces.append(pl.lit(piece))
    return pl.select(pl.concat_str(pieces).alias("told"))["told"]


def _coded(own: Oracle, rule: Rule, values: pl.Series, beside: pl.Series | None) -> pl.Series:
    """Return identifiers by the numpy form of their mask; NULL where it knows none."""
    cipher = own.cipher(rule.kind)
    if rule.kind != "national_id":
        many = ids_columns.KINDS.get(rule.kind)
        return _redressed(values, lambda some: many(cipher, some)) if many else values.clear(len(values))
    out = values.clear(len(values))
    country = pl.repeat("", len(values), eager=True) if beside is None else beside.str.to_uppercase()
    for name in country.unique().drop_nulls().to_list():
        mask_ = ids_columns.NATIONAL.get(name)
        if mask_:
            rows = (country == name).fill_null(False).arg_true()
            out = out.scatter(rows, _redressed(values.gather(rows), _under(mask_, cipher)))
    return out


def _under(mask_: Mask, cipher: Ff1) -> Callable[[Bytes], tuple[NDArray[np.bool_], Bytes]]:
    return lambda some: mask_(cipher, some)


TAKEN = np.zeros(256, np.uint8)  # upper case of letters and digits; 0: a separator
TAKEN[48:58], TAKEN[65:91], TAKEN[97:123] = range(48, 58), range(65, 91), range(65, 91)
SEPARATES = np.zeros(256, bool)
SEPARATES[list(oracle.SEPARATORS.encode())] = True


def _redressed(values: pl.Series, many: Callable[[Bytes], tuple[NDArray[np.bool_], Bytes]]) -> pl.Series:
    """Mask texts of letters, digits and separators, which stay where they are; other texts become NULL."""
    letters, bounds = signs.flat(values)
    own = TAKEN[letters] != 0
    strange = np.zeros(len(letters) + 1, np.int64)
    np.cumsum(~own & ~SEPARATES[letters], out=strange[1:])
    known = (strange[bounds[1:]] == strange[bounds[:-1]]) & (bounds[1:] > bounds[:-1])
    out, done = letters.copy(), np.zeros(len(values), bool)
    before = np.zeros(len(letters) + 1, np.int64)
    np.cumsum(own, out=before[1:])
    places = np.flatnonzero(own)
    starts, lengths = before[bounds[:-1]], np.diff(before[bounds])
    for length in np.unique(lengths[known]).tolist():
        rows = np.flatnonzero(known & (lengths == length))
        at = places[starts[rows][:, None] + np.arange(length)] if length else np.zeros((len(rows), 0), np.int64)
        good, masked = many(TAKEN[letters[at]])
        out[at[good]] = masked
        done[rows[good]] = True
    return signs.texts(out, bounds).set(pl.Series(~done), None)


_KINDS = {"email": _email, "name": _filled, "address": _filled}
