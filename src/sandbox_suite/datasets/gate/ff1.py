"""FF1 of NIST SP 800-38G for one decimal number, and the permutations of valid ids made of it; the gate's own.

The tweak has 8 bytes and a half at most 9 digits, so the standard's block Q is one AES block whose only moving parts
are the round and the right half.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

LONGEST_WALK = 100_000


@dataclass(frozen=True)
class Plan:
    """What depends on key and length only."""

    encrypt: Callable[[bytes], bytes]
    base: int  # AES(P) xor tweak, as a number: xor it with the moving part of Q
    round_shift: int  # bits
    kept: int  # bytes of the block that are used (`d`)
    moduli: tuple[int, int]  # of even and odd rounds


class Ff1:
    """The cipher under one key."""

    def __init__(self, key: bytes, tweak: bytes) -> None:
        self._key, self._tweak = key, tweak
        self._plan = functools.cache(self._make_plan)

    def encipher(self, value: int, digits: int) -> int:
        """Return the ciphertext of a number below 10**digits."""
        plan = self._plan(digits)
        left, right = divmod(value, plan.moduli[1])
        for number in range(10):
            block = plan.base ^ (number << plan.round_shift) ^ right
            stream = int.from_bytes(plan.encrypt(block.to_bytes(16, "big"))[: plan.kept], "big")
            left, right = right, (left + stream) % plan.moduli[number % 2]
        return left * plan.moduli[1] + right

    def _make_plan(self, digits: int) -> Plan:
        short, long = digits // 2, digits - digits // 2
        if not 6 <= digits <= 18 or len(self._tweak) != 8:
            raise ValueError("outside of what this form of FF1 takes")
        width = math.ceil(math.ceil(long * math.log2(10)) / 8)
        encrypt: Any = Cipher(algorithms.AES(self._key), modes.ECB()).encryptor().update  # noqa: S305 - single blocks
        head = bytes((1, 2, 1, 0, 0, 10, 10, short)) + digits.to_bytes(4, "big") + (8).to_bytes(4, "big")
        base = int.from_bytes(encrypt(head), "big") ^ (int.from_bytes(self._tweak, "big") << 64)
        return Plan(encrypt, base, 8 * width, 4 * math.ceil(width / 4) + 4, (10**short, 10**long))


def permute(
    cipher: Ff1,
    value: int,
    digits: int,
    valid: Callable[[int], bool] | None = None,
    partner: Callable[[int], int] = lambda value: value ^ 1,
) -> int:
    """Return the number that `value` becomes: enciphered until it is valid, and never itself.

    Where the cipher would leave a number as it is, that number and its partner exchange what they become.
    """
    out = _walk(cipher, value, digits, valid)
    other = partner(out)
    return other if out == value or _walk(cipher, other, digits, valid) == other else out


def _walk(cipher: Ff1, value: int, digits: int, valid: Callable[[int], bool] | None) -> int:
    for _ in range(LONGEST_WALK):
        value = cipher.encipher(value, digits)
        if valid is None or valid(value):
            return value
    raise ValueError("no valid number on the way")
