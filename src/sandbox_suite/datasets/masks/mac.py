"""MAC address (EUI-48): twelve hex digits, with or without `:`, `-` or `.`. Letters become upper case.

The vendor, the first six digits, stays, the rest is enciphered: one-to-one. Tagged: the result becomes a locally
administered unicast address (IEEE 802: the bit U/L set, I/G not), which no vendor gives; addresses that differ in
nothing but these two bits become one, so it is not one-to-one.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import coded
from sandbox_suite.datasets.masks.permutation import Numbers, Permutation

HOSTS = 2**24
HEX = "0123456789ABCDEF"
LOCAL = {digit: HEX[int(digit, 16) & 14 | 2] for digit in HEX}


def _below(values: Numbers) -> NDArray[np.bool_]:
    return values < np.uint64(HOSTS)


PERMUTATION = Permutation(8, _below, lambda value: value < HOSTS)


def _vector(bare: pl.Series, keys: Keys) -> pl.Series:
    hosts = bare.str.tail(6).str.to_integer(base=16, dtype=pl.UInt64).to_numpy()
    masked = PERMUTATION.vector(hosts, keys.ff1("mac"))
    return bare.str.head(6) + pl.Series([f"{host:06X}" for host in masked.tolist()], dtype=pl.String)


def _scalar(bare: str, keys: Keys) -> str:
    return f"{bare[:6]}{PERMUTATION.scalar(int(bare[6:], 16), keys.ff1('mac')):06X}"


TAG = coded.Tag(
    lambda masked, _: masked.str.head(1) + masked.str.slice(1, 1).replace_strict(LOCAL) + masked.str.slice(2),
    lambda masked, _: masked[0] + LOCAL[masked[1]] + masked[2:],
)
FORMS = (coded.Form("[0-9A-F]{12}", _vector, _scalar, TAG, "[0-9A-F][26AE][0-9A-F]{10}"),)
_MAC = coded.Coded({None: FORMS}, "", separators=" .-/()+:")
vector, scalar, codomain = _MAC.vector, _MAC.scalar, _MAC.codomain
