"""A rule of a policy with every default filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rule:
    """A column's rule with every default filled in."""

    table: str
    column: str
    kind: str  # `keep`, or a kind of mask
    options: Mapping[str, Any]

    def canonical(self) -> dict[str, Any]:
        """Return the rule as JSON: what the quarantine records and the gate recomputes with."""
        if self.kind == "keep":
            return {"keep": dict(self.options)}
        return {"mask": self.kind, **self.options}
