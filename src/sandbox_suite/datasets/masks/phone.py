"""Phone: the prefix stays (country, network, area), the last seven digits are enciphered. One-to-one.

A Chinese mobile number keeps its first four digits, with or without `+86`, and one number stays one number in both
spellings. Tagged: `+0` (or `000` without a plus) stands before the result. ITU-T E.164 gives no country a code that
begins with 0, and no dialling plan has subscribers behind 000, so no real number looks like it; a result is one to
three digits longer. The ranges set apart for fiction (NANP 555-0100 to 0199, a thousand numbers per area in Ofcom's
and the Bundesnetzagentur's lists) are too small to stay one-to-one and are not used.
"""

from __future__ import annotations

import re

import polars as pl

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import coded, columns
from sandbox_suite.datasets.masks.permutation import Permutation

TAIL = 7
PERMUTATION = Permutation(TAIL)
PLUS = r"^[^0-9]*\+"


def _vector(bare: pl.Series, keys: Keys) -> pl.Series:
    head, tail = bare.str.head(-TAIL), columns.numbers(bare.str.tail(TAIL))
    return head + columns.texts(PERMUTATION.vector(tail, keys.ff1("phone")), TAIL)


def _scalar(bare: str, keys: Keys) -> str:
    return bare[:-TAIL] + f"{PERMUTATION.scalar(int(bare[-TAIL:]), keys.ff1('phone')):0{TAIL}d}"


def _unassigned(masked: pl.Series, originals: pl.Series) -> pl.Series:
    zeros = pl.when(pl.col("o").str.contains(PLUS)).then(pl.lit("0")).otherwise(pl.lit("000"))
    return pl.DataFrame({"m": masked, "o": originals}).select(zeros + pl.col("m")).to_series()


def _unassigned_scalar(masked: str, original: str) -> str:
    return ("0" if re.match(PLUS, original) else "000") + masked


# E.164 numbers have at most 15 digits.
FORMS = (
    coded.Form("[0-9]{7,15}", _vector, _scalar, coded.Tag(_unassigned, _unassigned_scalar), "0(?:00)?[0-9]{7,15}"),
)
_PHONE = coded.Coded({None: FORMS}, "")
vector, scalar, codomain = _PHONE.vector, _PHONE.scalar, _PHONE.codomain
