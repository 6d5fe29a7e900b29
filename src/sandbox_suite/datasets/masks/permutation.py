"""One-to-one replacement inside a set of numbers, never a number by itself.

FF1 permutes all numbers of so many digits. Two things are added, in whole columns and, as an oracle, for one number:
- the walk: FF1 is repeated until the result lies in the valid set, which permutes that set;
- the swap: where FF1 would leave a number as it is, its image is exchanged with its partner's. A partner is a valid
  number whose own partner is the first one. Each result asks whether its partner is such a fixed number, so nothing has
  to be remembered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sandbox_suite.datasets.keys import Ff1Key
from sandbox_suite.datasets.masks import ff1, ff1_scalar

Numbers = NDArray[np.uint64]
Walked = tuple[Numbers, Numbers, NDArray[np.bool_]]  # images, their partners, and whether a partner is a fixed number
LONGEST_WALK = 100_000  # steps; only a number outside the valid set can meet no valid one for so long


@dataclass(frozen=True)
class Permutation:
    """A set of numbers, told to whole columns and to single numbers."""

    digits: int
    valid: Callable[[Numbers], NDArray[np.bool_]] | None = None
    valid_scalar: Callable[[int], bool] | None = None
    partner: Callable[[Numbers], Numbers] = lambda values: values ^ np.uint64(1)
    partner_scalar: Callable[[int], int] = lambda value: value ^ 1

    def vector(self, values: Numbers, key: Ff1Key) -> Numbers:
        """Return the replacement of every number."""
        cipher = ff1.Cipherer(self.digits, key, len(values))
        out, partners, fixed = (self._steps if self.valid is None else self._walks)(values, cipher)
        return np.where((out == values) | fixed, partners, out)

    def scalar(self, value: int, key: Ff1Key) -> int:
        """Return the replacement of one number."""
        out = self._walk_scalar(value, key)
        partner = self.partner_scalar(out)
        return partner if out == value or self._walk_scalar(partner, key) == partner else out

    def _steps(self, values: Numbers, cipher: ff1.Cipherer) -> Walked:
        """Encipher where every number is valid."""
        out = cipher.encipher(values)
        partners = self.partner(out)
        return out, partners, cipher.encipher(partners) == partners

    def _walks(self, values: Numbers, cipher: ff1.Cipherer) -> Walked:
        """Walk from every number to its image, and on from the image's partner, which tells whether that is fixed.

        Who arrives early begins the second walk while others are still on their first: a step of few costs as much as
        one of a thousand.
        """
        out, partners, fixed = np.empty_like(values), np.empty_like(values), np.zeros(len(values), bool)
        rows, at, second = np.arange(len(values)), values, np.zeros(len(values), bool)
        for _ in range(LONGEST_WALK):
            if not len(rows):
                return out, partners, fixed
            at = cipher.encipher(at)
            there = self.valid(at) if self.valid else np.ones(len(at), bool)
            if not there.any():
                continue
            first = np.flatnonzero(there & ~second)
            ended = there & second
            fixed[rows[ended]] = at[ended] == partners[rows[ended]]
            out[rows[first]] = at[first]
            at[first] = partners[rows[first]] = self.partner(at[first])
            second[first] = True
            rows, at, second = rows[~ended], at[~ended], second[~ended]
        raise ValueError("the walk met no valid number")

    def _walk_scalar(self, value: int, key: Ff1Key) -> int:
        for _ in range(LONGEST_WALK):
            value = ff1_scalar.number(value, self.digits, key)
            if self.valid_scalar is None or self.valid_scalar(value):
                return value
        raise ValueError("the walk met no valid number")
