"""Check digits of whole columns, written like those of `ids` from their public definitions, with numpy.

Signs are bytes, a row for each value, all of one length, in upper case and without separators.
"""

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sandbox_suite.datasets.gate import ids, signs
from sandbox_suite.datasets.gate.signs import Bytes, Flags, Numbers, flags

Valid = Callable[[Bytes], Flags]
BARE = np.arange(256, dtype=np.uint8)  # what `ids.bare` makes of an ASCII sign; 0: it is left out
BARE[97:123] -= 32
BARE[[9, 10, 11, 12, 13, *b" -./()_\\,"]] = 0
ODD = np.zeros(256, np.int64)
ODD[[ord(sign) for sign in ids.ODD]] = list(ids.ODD.values())
AS_NUMBER = np.zeros(256, np.int64)
AS_NUMBER[48:58], AS_NUMBER[65:91] = range(10), range(10, 36)
DNI = np.frombuffer(b"TRWAGMYFPDXBNJZSQVHLCKE", np.uint8)


def invalid(values: pl.Series, one: Callable[[str], bool], many: Valid | None) -> pl.Series:
    """Return which values are neither empty nor valid; NULL is not. `many` does for ASCII what `one` does."""
    texts = values.fill_null("")
    wrong = np.zeros(len(texts), bool)
    plain = signs.is_ascii(texts) & (texts != "").to_numpy() if many else wrong.copy()
    if many:
        rows = np.flatnonzero(plain)
        for at, some in signs.by_length(texts.gather(rows), BARE):
            wrong[rows[at]] = ~many(some) if some.shape[1] else True
    rest = np.flatnonzero(~plain & (texts != "").to_numpy())
    wrong[rest] = [not one(value) for value in texts.gather(rest)]
    return pl.Series(wrong)


def numbers(digits: Bytes) -> NDArray[np.uint64]:
    """Return what digits (up to 19 of them) are as numbers."""
    found = np.zeros(len(digits), np.uint64)
    for column in digits.T:
        found = found * np.uint64(10) + (column - np.uint8(48)).astype(np.uint64)
    return found


def are_digits(some: Bytes) -> Flags:
    """Return which rows are digits throughout."""
    return flags(((some >= 48) & (some <= 57)).all(axis=1))


def letters(some: Bytes) -> Flags:
    """Return which rows are A to Z throughout."""
    return flags(((some >= 65) & (some <= 90)).all(axis=1))


def among(column: Bytes, allowed: bytes) -> Flags:
    """Return which signs of one column are allowed."""
    table = np.zeros(256, bool)
    table[list(allowed)] = True
    return table[column]


def weighted(digits: Bytes, weights: tuple[int, ...]) -> Numbers:
    """Return the weighted sums of digits."""
    found: Numbers = (digits.astype(np.int64) - 48) @ np.array(weights, np.int64)
    return found


def luhn_sum(digits: Bytes) -> Numbers:
    """Return the sums that Luhn's digit makes a multiple of ten; the last digit counts once."""
    values = digits[:, ::-1].astype(np.int64) - 48
    values[:, 1::2] *= 2
    found: Numbers = (values - 9 * (values > 9)).sum(axis=1)
    return found


def card(some: Bytes) -> Flags:
    """Luhn, 13 to 19 digits."""
    return are_digits(some) & (luhn_sum(some) % 10 == 0) if 13 <= some.shape[1] <= 19 else _none(some)


def mod_97(some: Bytes) -> Numbers:
    """Return signs, letters read as two digits, modulo 97."""
    rest = np.zeros(len(some), np.int64)
    for column in some.T:
        value = AS_NUMBER[column]
        rest = (rest * np.where(value > 9, 100, 10) + value) % 97
    return rest


def iban(some: Bytes) -> Flags:
    """Mod 97, and the country's length where it is known."""
    length = some.shape[1]
    if not 15 <= length <= 34:
        return _none(some)
    good = letters(some[:, :2]) & are_digits(some[:, 2:4])
    tail = some[:, 4:]
    good &= (((tail >= 48) & (tail <= 57)) | ((tail >= 65) & (tail <= 90))).all(axis=1)
    for country, own in ids.IBAN_LENGTHS.items():
        if own != length:
            good &= ~((some[:, 0] == ord(country[0])) & (some[:, 1] == ord(country[1])))
    return flags(good & (mod_97(np.concatenate([tail, some[:, :4]], axis=1)) == 1))


def _none(some: Bytes) -> Flags:
    return np.zeros(len(some), bool)


def _of(length: int, check: Valid) -> Valid:
    return lambda some: check(some) if some.shape[1] == length else _none(some)


def _us(some: Bytes) -> Flags:
    number = numbers(some).astype(np.int64)
    area = number // 1_000_000
    there = (area > 0) & (area != 666) & (area < 900) & (number // 10_000 % 100 > 0) & (number % 10_000 > 0)
    return flags(are_digits(some) & there)


def _gb(some: Bytes) -> Flags:
    first, second = among(some[:, 0], b"ABCEGHJKLMNOPRSTWXYZ"), among(some[:, 1], b"ABCEGHJKLMNPRSTWXYZ")
    return first & second & are_digits(some[:, 2:8]) & among(some[:, 8], b"ABCD")


def de_check(body: Bytes) -> Numbers:
    """Return the check digit of ten digits, ISO 7064 mod 11, 10."""
    product = np.full(len(body), 10)
    for column in body.T:
        rest = (column.astype(np.int64) - 48 + product) % 10
        product = np.where(rest == 0, 10, rest) * 2 % 11
    found: Numbers = (11 - product) % 10
    return found


def _de(some: Bytes) -> Flags:
    return flags(are_digits(some) & (some[:, 0] != 48) & (de_check(some[:, :10]) == some[:, 10].astype(np.int64) - 48))


def fr_check(body: Bytes) -> Numbers:
    """Return the key of thirteen signs; 2A and 2B count as 19 and 18."""
    corsica = [body[:, 6] == sign for sign in b"AB"]
    digits = body.copy()
    digits[corsica[0], 5:7], digits[corsica[1], 5:7] = np.frombuffer(b"19", np.uint8), np.frombuffer(b"18", np.uint8)
    found: Numbers = 97 - (numbers(digits) % np.uint64(97)).astype(np.int64)
    return found


def _fr(some: Bytes) -> Flags:
    corsica = (some[:, 5] == ord("2")) & among(some[:, 6], b"AB")
    rest = np.delete(some, 6, axis=1)
    good = among(some[:, 0], b"12") & are_digits(rest) & (corsica | among(some[:, 6], b"0123456789"))
    return flags(good & (fr_check(some[:, :13]) == numbers(some[:, 13:]).astype(np.int64)))


def _es(some: Bytes) -> Flags:
    digits = some[:, :8].copy()
    for sign, digit in zip(b"XYZ", b"012", strict=True):
        digits[digits[:, 0] == sign, 0] = digit
    letter = DNI[(numbers(digits) % np.uint64(23)).astype(np.int64)]
    return flags(are_digits(digits) & letters(some[:, 8:]) & (letter == some[:, 8]))


def _it(some: Bytes) -> Flags:
    shape = [letters(some[:, place]) for place in (slice(0, 6), slice(8, 9), slice(11, 12), slice(15, 16))]
    digits = [are_digits(some[:, place]) for place in (slice(6, 8), slice(9, 11), slice(12, 15))]
    even = some[:, 1:15:2]
    total = ODD[some[:, 0:15:2]].sum(axis=1) + (AS_NUMBER[even] - 10 * (even >= 65)).sum(axis=1)
    good: Flags = np.logical_and.reduce([*shape, *digits]) & (65 + total % 26 == some[:, 15])
    return good


def _nl(some: Bytes) -> Flags:
    good = are_digits(some) & (some != 48).any(axis=1)
    return flags(good & (weighted(some, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0))


def _pl(some: Bytes) -> Flags:
    return flags(are_digits(some) & (weighted(some, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0))


def _br(some: Bytes) -> Flags:
    good = are_digits(some)
    for length in (9, 10):
        total = weighted(some[:, :length], tuple(range(length + 1, 1, -1)))
        good &= total * 10 % 11 % 10 == some[:, length].astype(np.int64) - 48
    return good


def cn_check(body: Bytes) -> Bytes:
    """Return the check sign of seventeen digits, ISO 7064 mod 11-2."""
    total = weighted(body, tuple(pow(2, 17 - place, 11) for place in range(17))) % 11
    return np.frombuffer(b"10X98765432", np.uint8)[total]


def _cn(some: Bytes) -> Flags:
    century, month, day = (
        numbers(some[:, place]).astype(np.int64) for place in (slice(6, 8), slice(10, 12), slice(12, 14))
    )
    good = are_digits(some[:, :17]) & (some[:, 0] != 48) & (century >= 18) & (century <= 20)
    good &= (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    return flags(good & (cn_check(some[:, :17]) == some[:, 17]))


NATIONAL: dict[str, Valid] = {
    "US": _of(9, _us), "GB": _of(9, _gb), "DE": _of(11, _de), "FR": _of(15, _fr), "ES": _of(9, _es),
    "IT": _of(16, _it), "NL": _of(9, _nl), "PL": _of(11, _pl), "BR": _of(11, _br), "CN": _of(18, _cn),
}  # fmt: skip
