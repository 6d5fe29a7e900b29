"""What identifiers become, a whole column at once, with numpy: `oracle_ids` is the same for one value.

Signs are bytes, a row for each value, all of one length, in upper case and without separators. Each mask returns which
values it knows, and what these become; a value that it does not know is left to `oracle_ids`.
"""

import datetime
from collections.abc import Callable
from functools import cache

import numpy as np

from sandbox_suite.datasets import pools
from sandbox_suite.datasets.gate import check_digits, oracle_ids
from sandbox_suite.datasets.gate.check_digits import DNI, are_digits, letters, numbers
from sandbox_suite.datasets.gate.ff1 import Ff1
from sandbox_suite.datasets.gate.ff1_columns import Many, Valid, permute
from sandbox_suite.datasets.gate.signs import Bytes, Flags, Numbers

Mask = Callable[[Ff1, Bytes], tuple[Flags, Bytes]]
TEN = np.uint64(10)


def digits_of(values: Many, width: int) -> Bytes:
    """Return numbers as digits."""
    found = np.empty((len(values), width), np.uint8)
    for place in range(width - 1, -1, -1):
        values, digit = np.divmod(values, TEN)
        found[:, place] = digit.astype(np.uint8) + np.uint8(48)
    return found


def _nothing(some: Bytes) -> tuple[Flags, Bytes]:
    return np.zeros(len(some), bool), some[:0]


def _joined(*parts: Bytes) -> Bytes:
    return np.concatenate([part[:, None] if part.ndim == 1 else part for part in parts], axis=1)


def _digit(values: Numbers) -> Bytes:
    return (values + 48).astype(np.uint8)


def phone(cipher: Ff1, some: Bytes) -> tuple[Flags, Bytes]:
    """All but the last seven digits stay."""
    if not 7 <= some.shape[1] <= 15:
        return _nothing(some)
    good = are_digits(some)
    some = some[good]
    return good, _joined(some[:, :-7], digits_of(permute(cipher, numbers(some[:, -7:]), 7), 7))


def card(cipher: Ff1, some: Bytes) -> tuple[Flags, Bytes]:
    """The first six digits stay, the last is Luhn's."""
    length = some.shape[1]
    if not 13 <= length <= 19:
        return _nothing(some)
    good = are_digits(some)
    some = some[good]
    middle = digits_of(permute(cipher, numbers(some[:, 6:-1]), length - 7), length - 7)
    body = _joined(some[:, :6], middle, np.full(len(some), 48, np.uint8))
    body[:, -1] = _digit(-check_digits.luhn_sum(body) % 10)
    return good, body


def iban(cipher: Ff1, some: Bytes) -> tuple[Flags, Bytes]:
    """Country, bank letters and what is before the last 18 digits stay; the check digits are new."""
    good = np.zeros(len(some), bool)
    out = some.copy()
    for country, (bank, digits) in oracle_ids.IBANS.items():
        if some.shape[1] != 4 + bank + digits:
            continue
        own = (some[:, 0] == ord(country[0])) & (some[:, 1] == ord(country[1])) & are_digits(some[:, 2:4])
        own &= letters(some[:, 4 : 4 + bank]) & are_digits(some[:, 4 + bank :])
        tail = min(digits, 18)
        out[own, -tail:] = digits_of(permute(cipher, numbers(some[own, -tail:]), tail), tail)
        good |= own
    out = out[good]
    check = 98 - check_digits.mod_97(_joined(out[:, 4:], out[:, :2], np.full((len(out), 2), 48, np.uint8)))
    out[:, 2:4] = digits_of(check.astype(np.uint64), 2)
    return good, out


def _of(length: int, mask: Mask) -> Mask:
    return lambda cipher, some: mask(cipher, some) if some.shape[1] == length else _nothing(some)


def _us(cipher: Ff1, some: Bytes) -> tuple[Flags, Bytes]:
    good = are_digits(some)
    return good, digits_of(permute(cipher, numbers(some[good]), 9, US_GIVEN, _us_neighbour), 9)


def _us_given(values: Many) -> Flags:
    area, rest = np.divmod(values, np.uint64(1_000_000))
    there = (area > 0) & (area < 900) & (area != 666)
    given: Flags = there & (rest >= 10_000) & (rest % np.uint64(10_000) > 0)
    return given


@cache
def _us_neighbours() -> Many:
    areas = [area for area in range(1, 900) if area != 666]
    beside = np.zeros(1000, np.uint64)
    beside[areas] = np.array(areas, np.uint64)[np.arange(len(areas)) ^ 1]
    return beside


def _us_neighbour(values: Many) -> Many:
    area, rest = np.divmod(values, np.uint64(1_000_000))
    return _us_neighbours()[area.astype(np.int64)] * np.uint64(1_000_000) + rest


def _gb(cipher: Ff1, some: Bytes) -> tuple[Flags, Bytes]:
    good = check_digits.NATIONAL["GB"](some)
    some = some[good]
    return good, _joined(some[:, :2], digits_of(permute(cipher, numbers(some[:, 2:8]), 6), 6), some[:, 8])


def _de(cipher: Ff1, some: Bytes) -> tuple[Flags, Bytes]:
    good = are_digits(some) & (some[:, 0] != 48)
    body = digits_of(permute(cipher, numbers(some[good, :10]), 10, DE_GIVEN, _de_exchanged), 10)
    return good, _joined(body, _digit(check_digits.de_check(body)))


def _de_given(values: Many) -> Flags:
    """The first digit is not 0, and exactly one digit stands twice or three times."""
    digits = digits_of(values, 10)
    counts = np.zeros((len(digits), 10), np.int8)
    for digit in range(10):
        counts[:, digit] = (digits == 48 + digit).sum(axis=1)
    different = (counts > 0).sum(axis=1)
    given: Flags = (digits[:, 0] != 48) & ((different == 9) | ((different == 8) & (counts == 3).any(axis=1)))
    return given


def _de_exchanged(values: Many) -> Many:
    table = np.arange(256, dtype=np.uint8)
    table[list(b"12345678")] = list(b"21436587")
    return numbers(table[digits_of(values, 10)])


def _fr(cipher: Ff1, some: Bytes) -> tuple[Flags, Bytes]:
    """Those of France itself; people born elsewhere, and Corsicans, are left to the scalar form."""
    month, department = (numbers(some[:, place]).astype(np.int64) for place in (slice(3, 5), slice(5, 7)))
    good = are_digits(some) & check_digits.among(some[:, 0], b"12")
    good &= (month >= 1) & (month <= 12) & (department >= 1) & (department <= 95)
    some = some[good]
    body = _joined(some[:, 0], digits_of(permute(cipher, numbers(some[:, 1:13]), 12, FR_GIVEN, _fr_next_year), 12))
    return good, _joined(body, digits_of(check_digits.fr_check(body).astype(np.uint64), 2))


def _fr_given(values: Many) -> Flags:
    rest, order = np.divmod(values, np.uint64(1000))
    rest, commune = np.divmod(rest, np.uint64(1000))
    rest, department = np.divmod(rest, np.uint64(100))
    month = rest % np.uint64(100)
    given: Flags = (month >= 1) & (month <= 12) & (department >= 1) & (department <= 95)
    return given & (commune >= 1) & (commune <= 990) & (order >= 1)


def _fr_next_year(values: Many) -> Many:
    year, rest = np.divmod(values, np.uint64(10**10))
    return (year ^ np.uint64(1)) * np.uint64(10**10) + rest


def _es(cipher: Ff1, some: Bytes) -> tuple[Flags, Bytes]:
    """Those of Spaniards; foreigners' are left to the scalar form."""
    good = are_digits(some[:, :8]) & letters(some[:, 8:])
    number = permute(cipher, numbers(some[good, :8]), 8)
    return good, _joined(digits_of(number, 8), DNI[(number % np.uint64(23)).astype(np.int64)])


def _cn(cipher: Ff1, some: Bytes) -> tuple[Flags, Bytes]:
    """Those of counties that the pool knows."""
    place, day = _counties()[numbers(some[:, :6]).astype(np.int64) % 1_000_000], _days(some[:, 6:14])
    good = are_digits(some[:, :17]) & (some[:, 0] != 48) & check_digits.among(some[:, 17], b"0123456789X")
    good &= (place >= 0) & (day >= 0) & (day < oracle_ids.DAYS)
    heads, days = _heads(), oracle_ids.DAYS
    size = len(heads) * days * 1000
    number = (place[good] * days + day[good]) * 1000 + numbers(some[good, 14:17]).astype(np.int64)
    masked = permute(
        cipher, number.astype(np.uint64), len(str(size - 1)), Valid(lambda some: some < size, lambda one: one < size)
    )
    rest, order = np.divmod(masked.astype(np.int64), 1000)
    county, day = np.divmod(rest, days)
    body = _joined(heads[county], _dates()[day], digits_of(order.astype(np.uint64), 3))
    return good, _joined(body, check_digits.cn_check(body))


@cache
def _heads() -> Bytes:
    """Return the six digits of each county, in the pool's order."""
    return np.frombuffer("".join(pools.words("region.cn")).encode(), np.uint8).reshape(-1, 6)


@cache
def _counties() -> Numbers:
    """Return the place of each county in the pool by its number; -1 where it is none."""
    found = np.full(1_000_000, -1)
    for place, county in enumerate(pools.words("region.cn")):
        found[int(county)] = place
    return found


@cache
def _dates() -> Bytes:
    """Return every day from the first one on, as eight digits."""
    days = [f"{oracle_ids.FIRST_DAY + datetime.timedelta(days=day):%Y%m%d}" for day in range(oracle_ids.DAYS)]
    return np.frombuffer("".join(days).encode(), np.uint8).reshape(-1, 8)


def _days(some: Bytes) -> Numbers:
    """Return the number of each day, from the first one on; -1 where there is no such day."""
    dates = numbers(_dates()).astype(np.int64)
    wanted = numbers(some).astype(np.int64)
    at = np.minimum(np.searchsorted(dates, wanted), len(dates) - 1)
    return np.where(dates[at] == wanted, at, -1)


US_GIVEN = Valid(_us_given, oracle_ids.us_given)
DE_GIVEN = Valid(_de_given, oracle_ids.de_given)
FR_GIVEN = Valid(_fr_given, oracle_ids.fr_given)
NATIONAL: dict[str, Mask] = {
    "US": _of(9, _us), "GB": _of(9, _gb), "DE": _of(11, _de), "FR": _of(15, _fr), "ES": _of(9, _es), "CN": _of(18, _cn),
}  # fmt: skip
KINDS: dict[str, Mask] = {"phone": phone, "card": card, "iban": iban}
