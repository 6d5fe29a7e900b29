"""Which values each kind of mask can give, and how they look inside a template; the gate's own.

A kind that is not in `RANGES` is one that this gate knows nothing of: it blocks.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from sandbox_suite.datasets.gate import ids, oracle, oracle_tags
from sandbox_suite.datasets.gate.case import Rule

DAYS = 180  # how far a date may move
SEPARATORS = r"[ .\-/()+:]"
CODED = r"[0-9A-Za-z .\-/()+:]+?"
Range = Callable[[pl.Series, pl.Series, Rule, pl.Series | None], pl.Series]  # masked, raw, rule, countries -> outside


def outside(masked: pl.Series, raw: pl.Series, rule: Rule, countries: pl.Series | None) -> pl.Series:
    """Return, per row, whether a masked value lies outside the mask's range; NULL masks nothing and is inside."""
    return RANGES[rule.kind](masked, raw, rule, countries)


def _tagged(rule: Rule) -> bool:
    return rule.options.get("mode") == "tagged"


def _nothing(masked: pl.Series, *_: Any) -> pl.Series:
    return masked.is_not_null()


def _constant(masked: pl.Series, _: Any, rule: Rule, *__: Any) -> pl.Series:
    return masked.cast(pl.String) != oracle.constant_text(rule.options["value"], masked.dtype)


def _date(masked: pl.Series, raw: pl.Series, *_: Any) -> pl.Series:
    days = (masked.cast(pl.Date).cast(pl.Int32) - raw.cast(pl.Date).cast(pl.Int32)).abs()
    wrong = (days < 1) | (days > DAYS)
    if raw.dtype != pl.Date:
        wrong |= raw.dt.time() != masked.dt.time()
    return wrong


def _email(masked: pl.Series, *_: Any) -> pl.Series:
    return ~masked.str.contains(r"^u[0-9a-f]{16}@example\.com$") & (masked != "")


def _words(masked: pl.Series, _: Any, rule: Rule, *__: Any) -> pl.Series:
    return ~masked.str.contains(oracle.pool_regex(rule.kind))


def _phone(masked: pl.Series, _: Any, rule: Rule, *__: Any) -> pl.Series:
    bare = masked.str.replace_all(SEPARATORS, "")
    good = bare.str.contains("^[0-9]{7,15}$")
    if _tagged(rule):
        plus = masked.str.contains(r"^[^0-9]*\+")
        good = (plus & bare.str.contains("^0[0-9]{7,15}$")) | (~plus & bare.str.contains("^000[0-9]{7,15}$"))
    return ~good & (masked != "")


def _mac(masked: pl.Series, _: Any, rule: Rule, *__: Any) -> pl.Series:
    second = "[26AE]" if _tagged(rule) else "[0-9A-F]"
    return ~masked.str.replace_all(SEPARATORS, "").str.contains(f"^[0-9A-F]{second}[0-9A-F]{{10}}$") & (masked != "")


def _each(realistic: Callable[[str], bool], tagged: Callable[[str], bool]) -> Range:
    def check(masked: pl.Series, _: Any, rule: Rule, *__: Any) -> pl.Series:
        return masked.is_in(_bad(masked, tagged if _tagged(rule) else realistic))

    return check


def _national_id(masked: pl.Series, _: Any, rule: Rule, countries: pl.Series | None) -> pl.Series:
    if countries is None:
        raise ValueError("no column says whose national ids these are")
    valid = oracle_tags.NATIONAL if _tagged(rule) else ids.NATIONAL
    wrong = pl.zeros(len(masked), dtype=pl.Boolean, eager=True)
    for country in countries.unique().to_list():
        there = countries.eq_missing(country)
        check = valid.get(str(country).upper(), lambda _: False)
        wrong |= there & masked.is_in(_bad(masked.filter(there), check))
    return wrong


def _bad(values: pl.Series, valid: Callable[[str], bool]) -> list[str]:
    return [value for value in values.drop_nulls().unique().to_list() if value and not valid(value)]


def _elsewhere(masked: pl.Series, *_: Any) -> pl.Series:
    """Free text is looked at by its spans, a composed value by its parts."""
    return pl.zeros(len(masked), dtype=pl.Boolean, eager=True)


RANGES: Mapping[str, Range] = {
    "email": _email,
    "name": _words,
    "address": _words,
    "phone": _phone,
    "card": _each(ids.card, oracle_tags.card),
    "iban": _each(ids.iban, oracle_tags.iban),
    "national_id": _national_id,
    "ip": _each(oracle_tags.any_ip, oracle_tags.ip),
    "mac": _mac,
    "date": _date,
    "constant": _constant,
    "null": _nothing,
    "drop": _nothing,
    "free_text": _elsewhere,
    "json": _elsewhere,
    "template": _elsewhere,
}


def inside(rule: Mapping[str, Any], match: str) -> str:
    """Return a regex of what a part of a template may have become."""
    if "keep" in rule:
        return match
    if rule["mask"] == "email":
        return r"u[0-9a-f]{16}@example\.com"
    if rule["mask"] in ("name", "address"):
        return oracle.pool_regex(rule["mask"])[1:-1].removesuffix("?")
    if rule["mask"] == "ip":
        return "[0-9a-f.:]+"
    if rule["mask"] == "constant":
        return re.escape(str(rule["value"]))
    if rule["mask"] in ("phone", "card", "iban", "national_id", "mac"):
        return CODED if rule.get("mode") == "tagged" else match  # separators stay where they are
    raise ValueError(f"no range inside a template for mask `{rule['mask']}`")
