"""FF1 (NIST SP 800-38G) over whole columns of decimal numbers: numpy for the arithmetic, one AES call per round.

With a tweak of 8 bytes and at most 18 digits the block Q of FF1 is exactly one AES block, so that
PRF(P || Q) = AES(AES(P) xor Q), and AES(P) is the same for every value.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from sandbox_suite.datasets.keys import Ff1Key

Numbers = NDArray[np.uint64]
ROUNDS = 10
SHORTEST, LONGEST = 6, 18  # digits: a domain of at least a million (SP 800-38G rev. 1), at most what fits 64 bits
CHUNK = 1 << 15  # values at a time: what stays in the cache
LOW_16 = np.uint64(0xFFFF)


def encipher(values: Numbers, digits: int, key: Ff1Key) -> Numbers:
    """Return the ciphertexts of `values`, each below 10**digits."""
    out = np.empty(len(values), np.uint64)
    for start in range(0, len(values), CHUNK):
        out[start : start + CHUNK] = _chunk(values[start : start + CHUNK], digits, key)
    return out


def _chunk(values: Numbers, digits: int, key: Ff1Key) -> Numbers:
    if not SHORTEST <= digits <= LONGEST:
        raise ValueError(f"FF1 here takes {SHORTEST} to {LONGEST} digits, not {digits}")
    left_digits = digits // 2
    moduli = np.uint64(10**left_digits), np.uint64(10 ** (digits - left_digits))
    aes = _aes(key)
    round_bytes = _bytes(digits - left_digits)
    high, low = _constant(digits, key, aes)
    left, right = np.divmod(values, moduli[1])
    block = np.empty((len(values), 2), ">u8")
    block[:, 0] = high
    for number in range(ROUNDS):
        modulus = moduli[number % 2]
        block[:, 1] = (right | np.uint64(number << (8 * round_bytes))) ^ low
        added = _reduced(aes.update(block.tobytes()), round_bytes, modulus)
        left, right = right, (left + added) % modulus
    return left * moduli[1] + right


def _aes(key: Ff1Key) -> Any:
    """Return an own context: contexts are not safe between threads."""
    return Cipher(algorithms.AES(key.aes), modes.ECB()).encryptor()  # noqa: S305 - FF1 is built on single blocks


def _bytes(digits: int) -> int:
    """Return how many bytes hold a number of so many decimal digits (`b` in the standard)."""
    return math.ceil(math.ceil(digits * math.log2(10)) / 8)


def _constant(digits: int, key: Ff1Key, aes: Any) -> tuple[np.uint64, np.uint64]:
    """Return the two halves of AES(P) xor the part of Q that never changes (the tweak)."""
    head = (
        bytes([1, 2, 1, 0, 0, 10, ROUNDS, digits // 2]) + digits.to_bytes(4, "big") + len(key.tweak).to_bytes(4, "big")
    )
    mixed = aes.update(head)
    tweak = int.from_bytes(key.tweak, "big")
    return np.uint64(int.from_bytes(mixed[:8], "big") ^ tweak), np.uint64(int.from_bytes(mixed[8:], "big"))


def _reduced(blocks: bytes, round_bytes: int, modulus: np.uint64) -> Numbers:
    """Return the first 8 or 12 bytes of each block (`d` in the standard) as a number modulo `modulus`."""
    words = np.frombuffer(blocks, ">u8").reshape(-1, 2)
    value: Numbers = words[:, 0].astype(np.uint64) % modulus
    if 4 * math.ceil(round_bytes / 4) + 4 == 8:
        return value
    tail = words[:, 1].astype(np.uint64)
    value = ((value << np.uint64(16)) | (tail >> np.uint64(48))) % modulus  # 16 bits at a time stay below 2**64
    return ((value << np.uint64(16)) | ((tail >> np.uint64(32)) & LOW_16)) % modulus
