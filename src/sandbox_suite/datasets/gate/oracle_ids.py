"""What identifiers become, reckoned one by one in plain Python: phone, card, IBAN, national ids.

A value is its signs without separators, in upper case; the caller puts separators back. None: the mask knows no form.
"""

import datetime
import re
from collections.abc import Callable
from functools import cache

from sandbox_suite.datasets import pools
from sandbox_suite.datasets.gate import ids
from sandbox_suite.datasets.gate.ff1 import Ff1, permute

DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
FIRST_DAY = datetime.date(1900, 1, 1)
DAYS = (datetime.date(2030, 1, 1) - FIRST_DAY).days
IT_FIRST = datetime.date(1920, 1, 1)
IT_DAYS = (datetime.date(2020, 1, 1) - IT_FIRST).days
IT_MONTHS, IT_PLACES = "ABCDEHLMPRST", "ABCDEFGHILMZ"
IBANS = {  # country: letters after the check digits, then so many digits
    "AT": (0, 16), "BE": (0, 12), "CH": (0, 17), "DE": (0, 18), "DK": (0, 14), "ES": (0, 20), "FI": (0, 14),
    "FR": (0, 23), "GB": (4, 14), "IE": (4, 14), "IT": (1, 22), "NL": (4, 10), "NO": (0, 11), "PL": (0, 24),
    "PT": (0, 21), "SE": (0, 20),
}  # fmt: skip


def phone(cipher: Ff1, value: str) -> str | None:
    """All but the last seven digits stay."""
    if not re.fullmatch("[0-9]{7,15}", value):
        return None
    return value[:-7] + f"{permute(cipher, int(value[-7:]), 7):07d}"


def card(cipher: Ff1, value: str) -> str | None:
    """The first six digits stay, the last is Luhn's."""
    if not re.fullmatch("[0-9]{13,19}", value):
        return None
    digits = len(value) - 7
    body = value[:6] + str(permute(cipher, int(value[6:-1]), digits)).zfill(digits)
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(body))]
    return body + str(-sum(number // 10 + number % 10 for number in doubled) % 10)


def iban(cipher: Ff1, value: str) -> str | None:
    """Country, bank letters and what is before the last 18 digits stay; the check digits are new."""
    letters, digits = IBANS.get(value[:2], (0, 0))
    if not digits or not re.fullmatch(f"[A-Z]{{2}}[0-9]{{2}}[A-Z]{{{letters}}}[0-9]{{{digits}}}", value):
        return None
    tail = min(digits, 18)
    body = value[4:-tail] + str(permute(cipher, int(value[-tail:]), tail)).zfill(tail)
    return f"{value[:2]}{ids.iban_check(body + value[:2])}{body}"


def national_id(cipher: Ff1, value: str, country: str) -> str | None:
    """The form of the country; None for a country without one."""
    mask = NATIONAL.get(country.upper())
    return mask(cipher, value) if mask else None


def _us(cipher: Ff1, value: str) -> str | None:
    if not re.fullmatch("[0-9]{9}", value):
        return None
    return f"{permute(cipher, int(value), 9, _us_given, _us_neighbour):09d}"


def _us_given(number: int) -> bool:
    area, rest = divmod(number, 1_000_000)
    return area in _us_areas() and rest >= 10_000 and rest % 10_000 > 0


@cache
def _us_areas() -> dict[int, int]:
    return {area: place for place, area in enumerate(area for area in range(1, 900) if area != 666)}


def _us_neighbour(number: int) -> int:
    area, rest = divmod(number, 1_000_000)
    return list(_us_areas())[_us_areas()[area] ^ 1] * 1_000_000 + rest


def _gb(cipher: Ff1, value: str) -> str | None:
    if not re.fullmatch("[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]", value):
        return None
    return f"{value[:2]}{permute(cipher, int(value[2:8]), 6):06d}{value[8]}"


def _de(cipher: Ff1, value: str) -> str | None:
    if not re.fullmatch("[1-9][0-9]{10}", value):
        return None
    body = f"{permute(cipher, int(value[:10]), 10, _de_given, _de_exchanged):010d}"
    return body + ids.de_check(body)


def _de_given(number: int) -> bool:
    """The first digit is not 0, and exactly one digit stands twice or three times."""
    text = f"{number:010d}"
    different = set(text)
    once = len(different) == 9 or (len(different) == 8 and any(text.count(digit) == 3 for digit in different))
    return once and text[0] != "0"


def _de_exchanged(number: int) -> int:
    pairs = {"1": "2", "2": "1", "3": "4", "4": "3", "5": "6", "6": "5", "7": "8", "8": "7"}
    return int("".join(pairs.get(digit, digit) for digit in f"{number:010d}"))


def _fr(cipher: Ff1, value: str) -> str | None:
    if re.fullmatch("[12][0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[1-8][0-9]|9[0-5])[0-9]{8}", value):
        body = value[0] + f"{permute(cipher, int(value[1:13]), 12, _fr_given, _fr_next_year):012d}"
    elif re.fullmatch("[1-478][0-9]{4}(?:[0-9]{2}|2[AB])[0-9]{8}", value):
        body = value[:7] + f"{permute(cipher, int(value[7:13]), 6):06d}"
    else:
        return None
    return body + ids.fr_check(body)


def _fr_given(number: int) -> bool:
    rest, order = divmod(number, 1000)
    rest, commune = divmod(rest, 1000)
    rest, department = divmod(rest, 100)
    return 1 <= rest % 100 <= 12 and 1 <= department <= 95 and 1 <= commune <= 990 and order >= 1


def _fr_next_year(number: int) -> int:
    year, rest = divmod(number, 10**10)
    return (year + 1 - 2 * (year % 2)) * 10**10 + rest


def _es(cipher: Ff1, value: str) -> str | None:
    if re.fullmatch("[0-9]{8}[A-Z]", value):
        body = f"{permute(cipher, int(value[:8]), 8):08d}"
        return body + DNI[int(body) % 23]
    if re.fullmatch("[XYZ][0-9]{7}[A-Z]", value):
        body = f"{permute(cipher, int(value[1:8]), 7):07d}"
        return value[0] + body + DNI[int("012"["XYZ".index(value[0])] + body) % 23]
    return None


def _cn(cipher: Ff1, value: str) -> str | None:
    if not re.fullmatch("[1-9][0-9]{16}[0-9X]", value):
        return None
    try:
        born = datetime.date(int(value[6:10]), int(value[10:12]), int(value[12:14]))
    except ValueError:
        return None
    day = (born - FIRST_DAY).days
    if not 0 <= day < DAYS:
        return None
    known = value[:6] in _counties()
    size = (len(_counties()) if known else 1) * DAYS * 1000
    number = (_counties().get(value[:6], 0) * DAYS + day) * 1000 + int(value[14:17])
    masked = permute(cipher, number, len(str(size - 1)), lambda value: value < size)
    county, day = divmod(masked // 1000, DAYS)
    head = pools.words("region.cn")[county] if known else value[:6]
    body = f"{head}{FIRST_DAY + datetime.timedelta(days=day):%Y%m%d}{masked % 1000:03d}"
    return body + ids.cn_check(body)


@cache
def _counties() -> dict[str, int]:
    return {county: place for place, county in enumerate(pools.words("region.cn"))}


def _it(cipher: Ff1, value: str) -> str | None:
    if not re.fullmatch("[A-Z]{6}[0-9]{2}[A-EHLMPRST][0-9]{2}[A-ILMZ][0-9]{3}[A-Z]", value):
        return None
    day, female = int(value[9:11]) % 40, int(value[9:11]) > 40
    year = int(value[6:8]) + (2000 if int(value[6:8]) < 20 else 1900)
    try:
        born = (datetime.date(year, IT_MONTHS.index(value[8]) + 1, day) - IT_FIRST).days
    except ValueError:
        return None
    if int(value[9:11]) != day + 40 * female:
        return None
    letters = sum((ord(letter) - 65) * 26**place for place, letter in enumerate(reversed(value[:6])))
    number = ((letters * IT_DAYS + born) * 2 + female) * 12_000
    number += IT_PLACES.index(value[11]) * 1000 + int(value[12:15])
    size = 26**6 * IT_DAYS * 24_000
    number, town = divmod(permute(cipher, number, 18, lambda value: value < size), 12_000)
    rest, sex = divmod(number, 2)
    letters, born = divmod(rest, IT_DAYS)
    date = IT_FIRST + datetime.timedelta(days=born)
    names = "".join(chr(65 + letters // 26**place % 26) for place in range(5, -1, -1))
    place = IT_PLACES[town // 1000]
    body = f"{names}{date:%y}{IT_MONTHS[date.month - 1]}{date.day + 40 * sex:02d}{place}{town % 1000:03d}"
    return body + ids.it_check(body)


def _nl(cipher: Ff1, value: str) -> str | None:
    if not ids.nl_bsn(value):
        return None
    rank, rest = -1, 0
    for place, sign in enumerate(value[:8]):
        rank += sum(_endings(7 - place, (rest + (9 - place) * digit) % 11) for digit in range(int(sign)))
        rest = (rest + (9 - place) * int(sign)) % 11
    rank = permute(cipher, rank, 8, lambda number: number < _endings(8, 0) - 1) + 1
    body, rest = "", 0
    for place in range(8):
        for digit in range(10):
            after = (rest + (9 - place) * digit) % 11
            if rank < _endings(7 - place, after):
                body, rest = f"{body}{digit}", after
                break
            rank -= _endings(7 - place, after)
    return f"{body}{rest}"


@cache
def _endings(places: int, rest: int) -> int:
    """Return how many ways so many more of the eight digits can go on: the ninth digit must not be ten."""
    if places == 0:
        return int(rest != 10)
    return sum(_endings(places - 1, (rest + (places + 1) * digit) % 11) for digit in range(10))


def _pl(cipher: Ff1, value: str) -> str | None:
    if not re.fullmatch("[0-9]{11}", value):
        return None
    try:
        born = datetime.date(1900 + int(value[2]) // 2 * 100 + int(value[:2]), int(value[2:4]) % 20, int(value[4:6]))
    except ValueError:
        return None
    day = (born - FIRST_DAY).days
    if not 0 <= day < DAYS:
        return None
    masked = permute(cipher, day * 10_000 + int(value[6:10]), 9, lambda number: number < DAYS * 10_000)
    born = FIRST_DAY + datetime.timedelta(days=masked // 10_000)
    body = f"{born:%y}{born.month + 20 * (born.year > 1999):02d}{born:%d}{masked % 10_000:04d}"
    return body + ids.pl_check(body)


def _br(cipher: Ff1, value: str) -> str | None:
    if not re.fullmatch("[0-9]{11}", value):
        return None
    body = f"{permute(cipher, int(value[:9]), 9, _br_given, _br_exchanged):09d}"
    body += ids.br_check(body)
    return body + ids.br_check(body)


def _br_given(number: int) -> bool:
    return len(set(f"{number:09d}")) > 1


def _br_exchanged(number: int) -> int:
    return int("".join(str(int(digit) ^ 1) for digit in f"{number:09d}"))


NATIONAL: dict[str, Callable[[Ff1, str], str | None]] = {
    "US": _us, "GB": _gb, "DE": _de, "FR": _fr, "ES": _es, "IT": _it, "NL": _nl, "PL": _pl, "BR": _br, "CN": _cn,
}  # fmt: skip
