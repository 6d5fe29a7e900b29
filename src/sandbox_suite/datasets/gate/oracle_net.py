"""What addresses of networks become, reckoned one by one: IP and MAC."""

import ipaddress
import re

import polars as pl

from sandbox_suite.datasets.gate.ff1 import Ff1, permute

BLANKS = " \t\r\n\u00a0\u3000"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parsed(value: str) -> Address | None:
    """Return the address that a text is; None for a network, a zone, or no address."""
    text = value.strip(BLANKS)
    if not re.fullmatch("[0-9A-Fa-f.:]+", text):
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def written_one_way(values: pl.Series) -> pl.Series:
    """Return addresses in one spelling; what is none stays as it is."""
    distinct = values.drop_nulls().unique()
    spelled = [found.exploded if (found := parsed(text)) else text for text in distinct.to_list()]
    return values.replace_strict(distinct, pl.Series(spelled, dtype=pl.String), default=None, return_dtype=pl.String)


def documented(hashed: str, original: str) -> str:
    """Return the IPv6 address for documentation that an HMAC stands for."""
    number = (0x20010DB8 << 96) + int(hashed[:24], 16)
    found = ipaddress.IPv6Address(number)
    return str(ipaddress.IPv6Address(number ^ 1) if found.exploded == original else found)


def enciphered(cipher: Ff1, number: int) -> str:
    """Return the IPv4 address that one becomes."""
    return str(ipaddress.IPv4Address(permute(cipher, number, 10, lambda value: value < 2**32)))


def mac(cipher: Ff1, value: str) -> str | None:
    """The first six digits stay."""
    if not re.fullmatch("[0-9A-F]{12}", value):
        return None
    return value[:6] + format(permute(cipher, int(value[6:], 16), 8, lambda number: number < 16**6), "06X")


def local(value: str) -> str:
    """Return a MAC address with the bit of local administration, and without that of groups."""
    first = int(value[:2], 16)
    return format(first - first % 4 + 2, "02X") + value[2:]
