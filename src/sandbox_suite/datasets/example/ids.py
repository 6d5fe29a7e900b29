"""Invented phones, national ids, IBANs and cards with valid check digits, for the example data set."""

from __future__ import annotations

import datetime

import numpy as np
from stdnum import luhn
from stdnum.cn import ric
from stdnum.iso7064 import mod_11_10, mod_97_10

Random = np.random.Generator
EPOCH = datetime.date(1970, 1, 1)
PHONES = {  # country: (prefix, possible next digits, digits after these)
    "US": ("+1", ("212", "415", "646", "312", "702", "305"), 7),
    "GB": ("+44", ("7400", "7700", "7911", "7520"), 6),
    "DE": ("+49", ("151", "160", "171", "176"), 8),
    "FR": ("+33", ("6", "7"), 8),
    "ES": ("+34", ("6", "71"), 8),
    "CN": ("+86", ("138", "139", "150", "159", "186", "188", "177"), 8),
}
COUNTIES = ("110101", "110102", "110105", "110106", "110107", "110108", "120101", "310101", "330122", "510121")
BANKS = {"DE": "", "GB": "NWBK", "FR": "", "ES": ""}
DIGITS = {"DE": 18, "GB": 14, "FR": 23, "ES": 20}  # of an IBAN after country, check digits and bank letters


def digits(random: Random, length: int, count: int) -> list[str]:
    """Return `count` texts of `length` random digits."""
    high = [f"{value:09d}" for value in random.integers(0, 10**9, count).tolist()]
    low, more = random.integers(0, 10**15, count).tolist(), random.integers(0, 10**9, count).tolist()
    return [(f"{b:015d}" + a + f"{c:09d}")[:length] for a, b, c in zip(high, low, more, strict=True)]


def phones(random: Random, country: str, count: int) -> list[str]:
    """Return mobile numbers of a country as `+` and digits."""
    prefix, heads, length = PHONES[country]
    chosen = random.integers(0, len(heads), count).tolist()
    tails = digits(random, length, count)
    if country == "US":  # an exchange starts with 2 to 9
        tails = [str(2 + int(tail[0]) % 8) + tail[1:] for tail in tails]
    return [prefix + heads[head] + tail for head, tail in zip(chosen, tails, strict=True)]


def national_ids(random: Random, country: str, birth: np.ndarray) -> list[str]:
    """Return valid national ids; where an id holds the birth date (days since 1970), it is this one."""
    count = len(birth)
    seeds = digits(random, 20, count)
    days = [EPOCH + datetime.timedelta(days=int(day)) for day in birth.tolist()]
    make = {"US": _us, "GB": _gb, "DE": _de, "FR": _fr, "ES": _es, "CN": _cn}[country]
    return [make(seed, day) for seed, day in zip(seeds, days, strict=True)]


def ibans(random: Random, country: str, count: int) -> list[str]:
    """Return IBANs with valid check digits (those of the IBAN, not those inside the account number)."""
    bodies = [BANKS[country] + tail for tail in digits(random, DIGITS[country], count)]
    return [country + mod_97_10.calc_check_digits(body + country) + body for body in bodies]


def cards(random: Random, count: int) -> list[str]:
    """Return 16-digit card numbers with a valid last digit."""
    heads = ("4", "51", "62", "55")
    chosen, tails = random.integers(0, len(heads), count).tolist(), digits(random, 15, count)
    bodies = [(heads[head] + tail)[:15] for head, tail in zip(chosen, tails, strict=True)]
    return [body + luhn.calc_check_digit(body) for body in bodies]


def _us(seed: str, _: datetime.date) -> str:
    area = 1 + int(seed[:5]) % 898
    return f"{area + (area >= 666):03d}-{1 + int(seed[5:8]) % 99:02d}-{1 + int(seed[8:13]) % 9999:04d}"


def _gb(seed: str, _: datetime.date) -> str:
    letters = "ABCEGHJKLMNPRSTWXYZ"
    first, second = letters[int(seed[:2]) % 19], letters[int(seed[2:4]) % 19]
    pair = first + second if first + second not in ("GB", "KN", "NK", "NT", "TN", "ZZ", "BG") else "AB"
    return f"{pair}{seed[4:10]}{'ABCD'[int(seed[10]) % 4]}"


def _de(seed: str, _: datetime.date) -> str:
    free = list("0123456789")
    order = [free.pop(int(seed[2 * i : 2 * i + 2]) % len(free)) for i in range(9)]  # nine different digits
    body = order[:]
    body.insert(1 + int(seed[18]) % 9, order[int(seed[19]) % 9])  # one of them again
    if body[0] == "0":
        body = [{"0": free[0], free[0]: "0"}.get(digit, digit) for digit in body]
    text = "".join(body)
    return text + str(mod_11_10.calc_check_digit(text))


def _fr(seed: str, day: datetime.date) -> str:
    place = f"{1 + int(seed[1:4]) % 95:02d}"
    place = "75" if place == "20" else place
    body = f"{1 + int(seed[0]) % 2}{day:%y%m}{place}{1 + int(seed[4:8]) % 900:03d}{1 + int(seed[8:12]) % 999:03d}"
    return f"{body}{97 - int(body) % 97:02d}"


def _es(seed: str, _: datetime.date) -> str:
    return seed[:8] + "TRWAGMYFPDXBNJZSQVHLCKE"[int(seed[:8]) % 23]


def _cn(seed: str, day: datetime.date) -> str:
    body = f"{COUNTIES[int(seed[0])]}{day:%Y%m%d}{seed[1:4]}"
    return body + str(ric.calc_check_digit(body + "0"))
