"""Spanish DNI and NIE: seven or eight digits and a control letter by the number modulo 23.

Tagged: the control letter is U. The Ministry of the Interior's table of control letters has no I, O, U or Ñ.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import coded, columns
from sandbox_suite.datasets.masks.permutation import Permutation

LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"  # by the number modulo 23
NEVER = "U"
TAG = coded.Tag(lambda masked, _: masked.str.head(8) + NEVER, lambda masked, _: masked[:8] + NEVER)


def _form(pattern: str, digits: int) -> coded.Form:
    """DNI (eight digits) or NIE (X, Y or Z and seven digits), and a letter."""
    permutation, head = Permutation(digits), 8 - digits

    def vector(bare: pl.Series, keys: Keys) -> pl.Series:
        masked = permutation.vector(columns.numbers(bare.str.slice(head, digits)), keys.ff1("national_id"))
        leading = bare.str.head(head)
        first = np.zeros(len(masked), np.uint64)
        if head:
            first = leading.replace_strict({"X": 0, "Y": 1, "Z": 2}, return_dtype=pl.UInt64).to_numpy()
        rest = ((first * np.uint64(10**7) + masked) % np.uint64(23)).astype(np.int64)
        return leading + columns.texts(masked, digits) + pl.Series(list(LETTERS)).gather(rest)

    def scalar(bare: str, keys: Keys) -> str:
        masked = f"{permutation.scalar(int(bare[head:-1]), keys.ff1('national_id')):0{digits}d}"
        number = int(str("XYZ".index(bare[0])) + masked) if head else int(masked)
        return f"{bare[:head]}{masked}{LETTERS[number % 23]}"

    return coded.Form(pattern, vector, scalar, TAG, f"{pattern[:-5]}{NEVER}")


FORMS = (_form("[0-9]{8}[A-Z]", 8), _form("[XYZ][0-9]{7}[A-Z]", 7))
