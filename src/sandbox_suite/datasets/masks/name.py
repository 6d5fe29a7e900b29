"""Name: a given and a family name of the locale; Chinese names stay Chinese. Not one-to-one."""

from __future__ import annotations

from sandbox_suite.datasets.masks.words import Words

_NAME = Words("name", {"en": "{given} {family}", "zh": "{family}{given}"})
vector, scalar, codomain = _NAME.vector, _NAME.scalar, _NAME.codomain
