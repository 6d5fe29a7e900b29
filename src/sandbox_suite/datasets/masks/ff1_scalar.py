"""FF1 (NIST SP 800-38G) for one decimal number, written straight from the standard: the oracle of `ff1`."""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable
from typing import cast

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from sandbox_suite.datasets.keys import Ff1Key

Block = Callable[[bytes], bytes]
RADIX = 10
ROUNDS = 10


def encipher(text: str, key: bytes, tweak: bytes) -> str:
    """Return the ciphertext of a text of decimal digits, of the same length (algorithm 7 of the standard)."""
    n, t = len(text), len(tweak)
    u = n // 2
    v = n - u
    left, right = int(text[:u]), int(text[u:])
    b = math.ceil(math.ceil(v * math.log2(RADIX)) / 8)
    d = 4 * math.ceil(b / 4) + 4
    block = _cipher(key)
    start = _first(key, n, u, t)
    padded = tweak + bytes((-t - b - 1) % 16)
    for number in range(ROUNDS):
        tail = padded + bytes([number]) + right.to_bytes(b, "big")
        stream = _stream(_mac(start, tail, block), d, block)
        modulus = RADIX ** (u if number % 2 == 0 else v)
        left, right = right, (left + int.from_bytes(stream, "big")) % modulus
    return str(left).zfill(u) + str(right).zfill(v)


def number(value: int, digits: int, key: Ff1Key) -> int:
    """Return the ciphertext of a number below 10**digits."""
    return int(encipher(str(value).zfill(digits), key.aes, key.tweak))


@functools.lru_cache(maxsize=64)
def _aes(key: bytes, thread: int) -> Block:
    """Return AES of single blocks; a context of its own for each thread, since contexts are not safe between them."""
    return cast(Block, Cipher(algorithms.AES(key), modes.ECB()).encryptor().update)  # noqa: S305 - FF1 needs blocks


def _cipher(key: bytes) -> Block:
    return _aes(key, threading.get_ident())


@functools.lru_cache(maxsize=256)
def _first(key: bytes, n: int, u: int, t: int) -> bytes:
    """Return AES(P), which is the same for all texts of one length."""
    head = bytes([1, 2, 1]) + RADIX.to_bytes(3, "big") + bytes([ROUNDS, u % 256])
    return _cipher(key)(head + n.to_bytes(4, "big") + t.to_bytes(4, "big"))


def _mac(mac: bytes, data: bytes, block: Block) -> bytes:
    """Go on with a CBC-MAC over whole blocks (algorithm 6)."""
    for start in range(0, len(data), 16):
        mac = block(_xor(mac, data[start : start + 16]))
    return mac


def _stream(mac: bytes, length: int, block: Block) -> bytes:
    """Return the first `length` bytes of R || AES(R xor 1) || ..."""
    out, count = mac, 1
    while len(out) < length:
        out += block(_xor(mac, count.to_bytes(16, "big")))
        count += 1
    return out[:length]


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(16, "big")
