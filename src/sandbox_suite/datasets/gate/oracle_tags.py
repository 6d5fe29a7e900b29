"""Where tagged results lie: how a realistic result moves there, and whether a value is there. The gate's own code.

Each range is one that its authority never gives; the masks' files cite the sources.
"""

import ipaddress
import re
from collections.abc import Callable

from sandbox_suite.datasets.gate import ids

TWO_DIGITS = [f"{number:02d}" for number in range(100)]
CN_GIVEN = {
    *range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71, *range(81, 84),
}  # fmt: skip
CN_FREE = [number for number in range(10, 77) if number not in CN_GIVEN]
FR_MONTHS = (13, 14, 15, 16, 17, 18, 19, 43, 44, 45, 46, 47)
IT_PLACES = dict(zip("ABCDEFGHILMZ", "NOPQRSTUVWXY", strict=True))
DOCUMENTED = [f"{net}.{host}" for net in ("192.0.2", "198.51.100", "203.0.113") for host in range(256)]
V6 = ipaddress.IPv6Network("2001:db8::/32")


def _cn(value: str) -> str | None:
    if int(value[:2]) not in CN_GIVEN:
        return None
    body = f"{CN_FREE[sorted(CN_GIVEN).index(int(value[:2]))]}{value[2:17]}"
    return body + ids.cn_check(body)


def _de(value: str) -> str:
    first = value[0]
    body = "".join({"0": first, first: "0"}.get(digit, digit) for digit in value[:10])
    return body + ids.de_check(body)


def _fr(value: str) -> str | None:
    if not 1 <= int(value[3:5]) <= 12:
        return None
    body = f"{value[:3]}{FR_MONTHS[int(value[3:5]) - 1]}{value[5:13]}"
    return body + ids.fr_check(body)


def _it(value: str) -> str:
    body = value[:11] + IT_PLACES[value[11]] + value[12:15]
    return body + ids.it_check(body)


def _pl(value: str) -> str:
    month = int(value[2:4])
    body = f"{value[:2]}{month + 60 if month <= 12 else month + 20}{value[4:10]}"
    return body + ids.pl_check(body)


def _us(value: str) -> str:
    return f"9{value[1:3]}{TWO_DIGITS[(int(value[3:5]) - 1) % 49 + 1]}{value[5:]}"


def _next(value: str) -> str:
    return value[:-1] + "1234567890"[int(value[-1])]


def _before(value: str) -> str:
    return value[:-1] + "9012345678"[int(value[-1])]


MOVES: dict[str, Callable[[str], str | None]] = {
    "US": _us,
    "GB": lambda value: value[:8] + chr(ord(value[8]) + 22),
    "DE": _de,
    "FR": _fr,
    "ES": lambda value: f"{value[:8]}U",
    "IT": _it,
    "NL": _next,
    "PL": _pl,
    "BR": _next,
    "CN": _cn,
}


def _matches(regex: str) -> Callable[[str], bool]:
    return lambda value: bool(re.fullmatch(regex, ids.bare(value)))


def _in_de(value: str) -> bool:
    digits = ids.bare(value)
    return bool(re.fullmatch("0[0-9]{10}", digits)) and ids.de_check(digits[:10]) == digits[10]


def _in_fr(value: str) -> bool:
    text = ids.bare(value)
    return bool(re.fullmatch("[1-478][0-9]{2}(?:1[3-9]|4[3-7])(?:[0-9]{2}|2[AB])[0-9]{8}", text)) and (
        ids.fr_check(text[:13]) == text[13:]
    )


def _in_it(value: str) -> bool:
    return ids.it_fiscal_code(value) and ids.bare(value)[11] in IT_PLACES.values()


def _in_cn(value: str) -> bool:
    return ids.cn_resident_id(value) and int(ids.bare(value)[:2]) not in CN_GIVEN


NATIONAL: dict[str, Callable[[str], bool]] = {
    "US": _matches("9[0-9]{2}(?:0[1-9]|[1-4][0-9])[0-9]{4}"),
    "GB": _matches("[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[W-Z]"),
    "DE": _in_de,
    "FR": _in_fr,
    "ES": _matches("[0-9XYZ][0-9]{7}U"),
    "IT": _in_it,
    "NL": lambda value: ids.nl_bsn(_before(ids.bare(value))),
    "PL": lambda value: ids.pl_pesel(value) and bool(re.match("..(?:4[1-9]|5[0-2]|6[1-9]|7[0-2])", ids.bare(value))),
    "BR": lambda value: ids.br_cpf(_before(ids.bare(value))),
    "CN": _in_cn,
}


def iban(value: str) -> bool:
    """An IBAN inside an IBAN of the country ZZ, both with check digits that hold."""
    text = ids.bare(value)
    return text[:2] == "ZZ" and ids.iban(text) and ids.iban(text[4:])


def card(value: str) -> bool:
    """A 0 before a number that Luhn's digit ends."""
    digits = ids.bare(value)
    return bool(re.fullmatch("0[0-9]{13,19}", digits)) and ids.luhn(digits)


def ip(value: str) -> bool:
    """An address for documentation."""
    return value in DOCUMENTED or ip6(value)


def ip6(value: str) -> bool:
    """An IPv6 address for documentation."""
    try:
        return ipaddress.IPv6Address(value) in V6
    except ValueError:
        return False


def any_ip(value: str) -> bool:
    """An IPv4 address, or an IPv6 address for documentation."""
    try:
        return ip6(value) or ipaddress.IPv4Address(value).version == 4
    except ValueError:
        return False
