"""FF1 (NIST SP 800-38G) over whole columns of decimal numbers: numpy for the arithmetic, one AES call per round.

With a tweak of 8 bytes and at most 18 digits the block Q of FF1 is exactly one AES block, so that
PRF(P || Q) = AES(AES(P) xor Q), and AES(P) is the same for every value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from sandbox_suite.datasets.keys import Ff1Key

Numbers = NDArray[np.uint64]
ROUNDS = 10
SHORTEST, LONGEST = 6, 18  # digits: a domain of at least a million (SP 800-38G rev. 1), at most what fits 64 bits
CHUNK = 1 << 14  # values at a time: what stays in the cache
FEW = 256  # values of which a slow remainder costs less than two calls more
BLOCK = 16  # bytes
SIXTEEN, LOW_16 = np.uint64(16), np.uint64(0xFFFF)


def encipher(values: Numbers, digits: int, key: Ff1Key) -> Numbers:
    """Return the ciphertexts of `values`, each below 10**digits."""
    return Cipherer(digits, key, len(values)).encipher(values)


@dataclass(frozen=True)
class _Buffers:
    """What a round writes into, `size` values at a time."""

    blocks: Numbers  # (size, 2), big endian: Q of each value
    spare: Numbers
    enciphered: bytearray
    words: Numbers  # (size, 2): `enciphered` as numbers

    @classmethod
    def of(cls, size: int) -> _Buffers:
        enciphered = bytearray(BLOCK * size + BLOCK - 1)  # the cipher asks for room for one block more, less a byte
        words = np.frombuffer(enciphered, np.uint64, 2 * size).reshape(-1, 2)
        return cls(np.empty((size, 2), np.uint64), np.empty(size, np.uint64), enciphered, words)


class Cipherer:
    """FF1 for numbers of so many digits under a key, for who enciphers often. Not for two threads at once."""

    def __init__(self, digits: int, key: Ff1Key, most: int = CHUNK) -> None:
        if not SHORTEST <= digits <= LONGEST:
            raise ValueError(f"FF1 here takes {SHORTEST} to {LONGEST} digits, not {digits}")
        self._moduli = np.uint64(10 ** (digits // 2)), np.uint64(10 ** (digits - digits // 2))
        self._aes = _aes(key)
        self._bytes = _bytes(digits - digits // 2)
        self._long = 4 * math.ceil(self._bytes / 4) + 4 > 8  # whether 12 bytes of a block count, or 8 (`d`)
        self._size = max(1, min(most, CHUNK))
        self._room = _Buffers.of(self._size)
        high, low = _constant(digits, key, self._aes)
        self._room.blocks[:, 0] = _turned(np.array([high], np.uint64))
        self._moving = [np.uint64(low ^ (number << (8 * self._bytes))) for number in range(ROUNDS)]

    def encipher(self, values: Numbers) -> Numbers:
        """Return the ciphertexts of `values`."""
        out = np.empty(len(values), np.uint64)
        for start in range(0, len(values), self._size):
            self._rounds(values[start : start + self._size], out[start : start + self._size])
        return out

    def _rounds(self, values: Numbers, out: Numbers) -> None:
        """Write the ciphertexts of at most `size` values into `out`.

        One call of numpy costs as much as a hundred values, so there are as few as can be.
        """
        room, size = self._room, len(values)
        blocks, words, spare = room.blocks[:size], room.words[:size], room.spare[:size]
        moving, stream, block = blocks[:, 1], words[:, 0], blocks.data.cast("B")
        left, right = self._halves(values)
        for number in range(ROUNDS):
            modulus = self._moduli[number % 2]
            np.bitwise_xor(right, self._moving[number], out=moving)
            moving.byteswap(inplace=True)
            self._aes.update_into(block, room.enciphered)
            added = stream.byteswap()
            _reduce(added, modulus, spare)
            if self._long:
                _lengthen(added, words[:, 1], modulus, spare)
            np.add(added, left, out=added)
            np.subtract(added, modulus, out=left)
            np.minimum(left, added, out=left)  # a sum below the modulus wraps around to something large
            left, right = right, left
        np.multiply(left, self._moduli[1], out=out)
        np.add(out, right, out=out)

    def _halves(self, values: Numbers) -> tuple[Numbers, Numbers]:
        left = values // self._moduli[1]
        return left, values - left * self._moduli[1]


def _lengthen(stream: Numbers, tail: Numbers, modulus: np.uint64, spare: Numbers) -> None:
    """Let the four bytes after the first eight count, too, in place: 16 bits at a time stay below 2**64."""
    more = tail.byteswap()
    for part in (more >> np.uint64(48), (more >> np.uint64(32)) & LOW_16):
        np.left_shift(stream, SIXTEEN, out=stream)
        np.bitwise_or(stream, part, out=stream)
        _reduce(stream, modulus, spare)


def _turned(values: Numbers) -> Numbers:
    """Exchange big and little endian in place (this is written for the little-endian machines that it runs on)."""
    return values.byteswap(inplace=True)


def _reduce(values: Numbers, modulus: np.uint64, spare: Numbers) -> None:
    """Take values modulo a number, in place. numpy divides by one number quickly, and its remainder is slow."""
    if len(values) < FEW:
        np.remainder(values, modulus, out=values)
        return
    np.floor_divide(values, modulus, out=spare)
    np.multiply(spare, modulus, out=spare)
    np.subtract(values, spare, out=values)


def _aes(key: Ff1Key) -> Any:
    """Return an own context: contexts are not safe between threads."""
    return Cipher(algorithms.AES(key.aes), modes.ECB()).encryptor()  # noqa: S305 - FF1 is built on single blocks


def _bytes(digits: int) -> int:
    """Return how many bytes hold a number of so many decimal digits (`b` in the standard)."""
    return math.ceil(math.ceil(digits * math.log2(10)) / 8)


def _constant(digits: int, key: Ff1Key, aes: Any) -> tuple[int, int]:
    """Return the two halves of AES(P) xor the part of Q that never changes (the tweak)."""
    head = (
        bytes([1, 2, 1, 0, 0, 10, ROUNDS, digits // 2]) + digits.to_bytes(4, "big") + len(key.tweak).to_bytes(4, "big")
    )
    mixed = aes.update(head)
    tweak = int.from_bytes(key.tweak, "big")
    return int.from_bytes(mixed[:8], "big") ^ tweak, int.from_bytes(mixed[8:], "big")
