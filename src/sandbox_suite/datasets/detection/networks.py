"""Addresses of networks: IPv4 against versions of four parts, IPv6."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import polars as pl

from sandbox_suite.datasets.detection.counting import CHECKED, Look
from sandbox_suite.datasets.detection.evidence import Evidence
from sandbox_suite.datasets.detection.shapes import OCTET

MOST = 0.9
HIGH = 99  # parts of versions seldom go beyond it, those of addresses mostly do
SPREAD = 0.4  # share of addresses with such a part


def addresses(look: Look) -> Iterator[Evidence]:
    """Yield what says that a column holds IP addresses."""
    if look.numeric or len(look.distinct) < 3:
        return
    four = pl.col("text").str.contains(rf"^(?:{OCTET}\.){{3}}{OCTET}(?:/[0-9]{{1,2}}|:[0-9]{{2,5}})?$")
    high = pl.col("text").str.contains(r"(?:^|\.)(?:1[0-9]{2}|2[0-5][0-9])(?:[./:]|$)")
    share, wide = look.share(four), look.share(four & high)
    six = _six(look)
    if share + six > MOST and (six > MOST or wide > SPREAD * share):
        note = f"a part above {HIGH} in {wide:.0%}" if share else "IPv6"
        yield Evidence("ip", "spread", "IP address", look.scaled(share + six), look.values, note)


def _six(look: Look) -> float:
    """Return the share of IPv6 addresses."""
    shape = pl.col("text").str.contains(r"^[0-9A-Fa-f:.]{2,45}(?:%\w+|/[0-9]{1,3})?$") & pl.col("text").str.contains(
        ":.*:"
    )
    if look.share(shape) < 0.05:
        return 0.0
    values = look.distinct.to_list()[:CHECKED]
    return sum(map(_is_six, values)) / len(values)


def _is_six(text: str) -> bool:
    try:
        return ipaddress.ip_address(text.partition("/")[0]).version == 6
    except ValueError:
        return False
