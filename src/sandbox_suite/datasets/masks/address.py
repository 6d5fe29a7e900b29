"""Address: street, number and city of the locale. Not one-to-one.

Chinese addresses stay Chinese: province, city and district that go together, street and number.
"""

from __future__ import annotations

from sandbox_suite.datasets.masks.words import Words

_ADDRESS = Words(
    "address",
    {
        "en": "{number} {street}, {city}",
        "fr": "{number} {street}, {city}",
        "it": "{street} {number}, {city}",
        "de": "{street} {number}, {city}",
        "nl": "{street} {number}, {city}",
        "pl": "{street} {number}, {city}",
        "es": "{street}, {number}, {city}",
        "pt": "{street}, {number}, {city}",
        "zh": "{place}{street}{number}号",
    },
)
vector, scalar, codomain = _ADDRESS.vector, _ADDRESS.scalar, _ADDRESS.codomain
