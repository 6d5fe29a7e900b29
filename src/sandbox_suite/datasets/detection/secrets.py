"""Secrets that no prefix gives away: random tokens, and passwords as people make them."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from sandbox_suite.datasets.detection.counting import FEW, Look
from sandbox_suite.datasets.detection.evidence import Evidence

MOST = 0.9
TOKEN = r"^[A-Za-z0-9_\-]{32,512}$"  # noqa: S105
PASSWORD = r"^[^\s,;:/\\]{8,32}$"  # noqa: S105
SIGN = r"[!@#$%^&*()+=_~?<>|{}\[\]]"


def tokens(look: Look) -> Iterator[Evidence]:
    """Yield what says that a column holds tokens or passwords. Hashes and codes in hex are not taken for tokens."""
    if look.numeric or len(look.distinct) < FEW * 2:
        return
    mixed = [pl.col("text").str.contains(part) for part in ("[a-z]", "[A-Z]", "[0-9]")]
    token = look.share(pl.all_horizontal(pl.col("text").str.contains(TOKEN), *mixed))
    if token > MOST:
        yield Evidence("secret", "structure", "long random token", look.scaled(token), look.values)
    password = pl.all_horizontal(pl.col("text").str.contains(PASSWORD), *mixed, pl.col("text").str.contains(SIGN))
    share = look.share(password & ~pl.col("text").str.contains(r"^\w+@[\w.\-]+$|=$"))
    if share > 0.8 and len(look.distinct) >= 0.8 * min(look.values, 1000):
        yield Evidence(
            "secret", "structure", "upper, lower, digit and sign in one word", look.scaled(share), look.values
        )
