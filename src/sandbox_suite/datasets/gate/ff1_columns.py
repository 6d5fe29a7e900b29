"""FF1 and its permutations for whole columns of numbers, with numpy: what `ff1` does for one number."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sandbox_suite.datasets.gate.ff1 import LONGEST_WALK, Ff1, walk
from sandbox_suite.datasets.gate.signs import Flags

Many = NDArray[np.uint64]
LOW = 2**64 - 1
BLOCKS = 1 << 15  # numbers at a time, so that they stay near the processor
FEW = 12  # numbers that are quicker reckoned one by one


def encipher(cipher: Ff1, values: Many, digits: int) -> Many:
    """Return the ciphertexts of numbers below 10**digits."""
    parts = [_encipher(cipher, values[at : at + BLOCKS], digits) for at in range(0, len(values), BLOCKS)]
    return np.concatenate(parts) if parts else values


def _encipher(cipher: Ff1, values: Many, digits: int) -> Many:
    plan = cipher.plan(digits)
    if plan.kept != 8:
        raise ValueError("more of a block counts than is taken here")
    blocks = np.empty((len(values), 2), ">u8")
    blocks[:, 0] = plan.base >> 64
    low = plan.base & LOW
    moduli = [np.uint64(modulus) for modulus in plan.moduli]
    left, right = np.divmod(values, moduli[1])
    for number in range(10):
        blocks[:, 1] = right ^ np.uint64(low ^ (number << plan.round_shift))
        stream = np.frombuffer(plan.encrypt(blocks.tobytes()), ">u8")[::2].astype(np.uint64)
        modulus = moduli[number % 2]
        left, right = right, (left + stream % modulus) % modulus
    mixed: Many = left * moduli[1] + right
    return mixed


def _neighbour(values: Many) -> Many:
    return values ^ np.uint64(1)


@dataclass(frozen=True)
class Valid:
    """Which numbers are valid: of many, and of one."""

    many: Callable[[Many], Flags]
    one: Callable[[int], bool]


def permute(
    cipher: Ff1,
    values: Many,
    digits: int,
    valid: Valid | None = None,
    partner: Callable[[Many], Many] = _neighbour,
) -> Many:
    """Return what numbers become: enciphered until they are valid, and none itself, as `ff1.permute` says."""
    out = _walk(cipher, values, digits, valid)
    other = partner(out)
    exchanged = (out == values) | (_walk(cipher, other, digits, valid) == other)
    return np.where(exchanged, other, out)


def _walk(cipher: Ff1, values: Many, digits: int, valid: Valid | None) -> Many:
    if valid is None:
        return encipher(cipher, values, digits)
    out = values.astype(np.uint64)
    waiting = np.arange(len(out))
    for _ in range(LONGEST_WALK):
        if len(waiting) <= FEW:
            break
        moved = encipher(cipher, out[waiting], digits)
        out[waiting] = moved
        waiting = waiting[~valid.many(moved)]
    for place in waiting.tolist():
        out[place] = walk(cipher, int(out[place]), digits, valid.one)
    return out
