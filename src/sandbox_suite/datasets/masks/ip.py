"""IP address: IPv4 and IPv6 as text; a network, a port or a zone beside it is unknown.

Tagged: IPv4 from the blocks for documentation 192.0.2.0/24, 198.51.100.0/24 and 203.0.113.0/24 (RFC 5737), 768
addresses: not one-to-one. IPv6 from 2001:db8::/32 (RFC 3849), 96 bits of the HMAC. Realistic: IPv4 enciphered,
one-to-one; IPv6 as when tagged, since it has room enough.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sandbox_suite.datasets import domains
from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks.coded import UnknownValuesError
from sandbox_suite.datasets.masks.permutation import Numbers, Permutation

DOMAIN = "ip"
BLOCKS = ("192.0.2.", "198.51.100.", "203.0.113.")
DOCUMENTED = [f"{block}{host}" for block in BLOCKS for host in range(256)]
V4 = r"^([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})$"
SIZE = 2**32
V6_BITS = 24  # hex digits after 2001:db8


def _below(values: Numbers) -> NDArray[np.bool_]:
    return values < np.uint64(SIZE)


PERMUTATION = Permutation(10, _below, lambda value: value < SIZE)


def vector(values: pl.Series, inputs: Mapping[str, pl.Series], keys: Keys, options: Mapping[str, Any]) -> pl.Series:
    """Return the masked column. Few addresses are looked at one by one: each distinct one once."""
    distinct = values.drop_nulls().unique(maintain_order=True)
    known = {text: found for text in distinct.to_list() if (found := _parsed(text))}
    four = [text for text, found in known.items() if found.version == 4]
    six = [text for text, found in known.items() if found.version == 6]
    masked = dict(zip(four, _v4([int(known[text]) for text in four], keys, options), strict=True))
    masked |= dict(zip(six, _v6([known[text].exploded for text in six], keys), strict=True)) | {"": ""}
    names = list(masked)
    out = values.replace_strict(
        pl.Series(names, dtype=pl.String),
        pl.Series([masked[name] for name in names], dtype=pl.String),
        default=None,
        return_dtype=pl.String,
    )
    unknown = out.is_null() & values.is_not_null()
    if unknown.any() and options["on_unknown"] != "drop":
        raise UnknownValuesError(unknown.arg_true().to_list())
    return out


def _v4(numbers: list[int], keys: Keys, options: Mapping[str, Any]) -> list[str]:
    if options.get("mode") == "tagged":
        texts = [str(ipaddress.IPv4Address(number)) for number in numbers]
        chosen = domains.numbers(pl.Series(texts, dtype=pl.String), DOMAIN, keys).to_list()
        return [_other(DOCUMENTED, number, text) for number, text in zip(chosen, texts, strict=True)]
    masked = PERMUTATION.vector(np.array(numbers, np.uint64), keys.ff1(DOMAIN))
    return [str(ipaddress.IPv4Address(number)) for number in masked.tolist()]


def _v6(texts: list[str], keys: Keys) -> list[str]:
    hashed = domains.hashes(pl.Series(texts, dtype=pl.String), DOMAIN, keys).str.head(V6_BITS).to_list()
    return [_documented(digits, text) for digits, text in zip(hashed, texts, strict=True)]


def _documented(digits: str, text: str) -> str:
    address = ipaddress.IPv6Address(int(f"20010db8{digits}", 16))
    return str(address if address.exploded != text else ipaddress.IPv6Address(int(address) ^ 1))


def _other(choices: list[str], number: int, text: str) -> str:
    found = choices[number % len(choices)]
    return found if found != text else choices[(number + 1) % len(choices)]


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text.strip(domains.BLANKS))
    except ValueError:
        return None
    return None if isinstance(found, ipaddress.IPv6Address) and found.scope_id else found


def scalar(value: str, inputs: Mapping[str, Any], keys: Keys, options: Mapping[str, Any]) -> str | None:
    """Return one masked value."""
    found = _parsed(value)
    if value == "":
        return value
    if found is None:
        if options["on_unknown"] != "drop":
            raise UnknownValuesError([0])
        return None
    if found.version == 6:
        return _documented(domains.hash_scalar(found.exploded, DOMAIN, keys)[:V6_BITS], found.exploded)
    if options.get("mode") == "tagged":
        return _other(DOCUMENTED, domains.number_scalar(str(found), DOMAIN, keys), str(found))
    return str(ipaddress.IPv4Address(PERMUTATION.scalar(int(found), keys.ff1(DOMAIN))))


def codomain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what results look like."""
    octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
    four = (
        rf"(?:192\.0\.2|198\.51\.100|203\.0\.113)\.{octet}"
        if options.get("mode") == "tagged"
        else (rf"(?:{octet}\.){{3}}{octet}")
    )
    return {"regex": f"{four}|2001:db8:[0-9a-f:]+"}
