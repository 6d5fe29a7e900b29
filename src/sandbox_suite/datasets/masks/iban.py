"""IBAN: country, bank letters and at most the first digits of the bank stay, up to 18 are enciphered; mod 97 holds.

Check digits that a country hides inside the account number are not kept valid. One-to-one. Tagged: the result becomes
the account of an IBAN of the country `ZZ`, which ISO 3166-1 leaves to its users and gives to no country, with check
digits of its own; it is four letters longer.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import coded, columns, ff1
from sandbox_suite.datasets.masks.permutation import Permutation

DOMAIN = "iban"
NOWHERE = "ZZ"
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
        return f"{country}{_check(body + country)}{body}"

    pattern = f"{country}[0-9]{{2}}[A-Z]{{{letters}}}[0-9]{{{digits}}}"
    return coded.Form(pattern, vector, scalar, _nowhere(country), f"{NOWHERE}[0-9]{{2}}{pattern}")


def _nowhere(country: str) -> coded.Tag:
    """Put `ZZ` and check digits before an IBAN; they follow from its own check digits, since it is 1 modulo 97."""
    letters, digits = SHAPES[country]
    heads = [_head(country, place, 2 * letters + digits) for place in range(100)]
    series = pl.Series(heads)
    return coded.Tag(
        lambda masked, _: series.gather(masked.str.slice(2, 2).cast(pl.Int64)) + masked,
        lambda masked, _: NOWHERE + _check(masked + NOWHERE) + masked,
    )


def _head(country: str, check: int, digits: int) -> str:
    """Return the head for an IBAN with these check digits whose account has so many digits, letters counted twice."""
    first = _number(country) * 100 + check
    body = (1 - first) * pow(10**6, -1, 97)  # body, country, check digits: 1 modulo 97
    whole = first * pow(10, digits, 97) + body
    return f"{NOWHERE}{98 - (whole * 10**6 + _number(NOWHERE + '00')) % 97:02d}"


def _check(text: str) -> str:
    return f"{98 - _number(text + '00') % 97:02d}"


def _number(text: str) -> int:
    return int("".join(str(int(letter, 36)) for letter in text))


def _mod_97(head: pl.Series, tail: ff1.Numbers, digits: int, country: str) -> ff1.Numbers:
    """Return (head tail country 00) mod 97."""
    rest = _rests(head, country)
    rest = (rest * np.uint64(pow(10, digits, 97)) + tail % np.uint64(97)) % np.uint64(97)
    last = _number(country + "00")
    moved: ff1.Numbers = (rest * np.uint64(10**6 % 97) + np.uint64(last % 97)) % np.uint64(97)
    return moved


def _rests(head: pl.Series, country: str) -> ff1.Numbers:
    """Return each head mod 97; those with letters are few (banks), so each is reckoned once."""
    letters, digits = SHAPES[country]
    if not letters:
        return columns.numbers(head) % np.uint64(97) if digits > ff1.LONGEST else np.zeros(len(head), np.uint64)
    names = head.unique()
    rests = pl.Series([_number(name) % 97 for name in names.to_list()], dtype=pl.UInt64)
    return head.replace_strict(names, rests, return_dtype=pl.UInt64).to_numpy()


_IBAN = coded.Coded({country: (_form(country),) for country in SHAPES}, "mod97", head=2)
vector, scalar, codomain = _IBAN.vector, _IBAN.scalar, _IBAN.codomain
