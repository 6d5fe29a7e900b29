"""The scalar oracle: what each mask gives for one value, in plain Python. The gate recomputes a sample with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import KINDS, needs

__all__ = ["Oracle", "needs"]


@dataclass(frozen=True)
class Oracle:
    """Recomputes single values under a master key."""

    keys: Keys

    def value(self, rule: Mapping[str, Any], value: Any, inputs: Mapping[str, Any]) -> Any:
        """Return what a canonical rule makes of a raw value; `inputs` are the raw values that `needs` names."""
        if "keep" in rule or value is None:
            return value
        return KINDS[rule["mask"]].module().scalar(value, inputs, self.keys, rule)

    def span(self, kind: str, text: str, inputs: Mapping[str, Any], rule: Mapping[str, Any]) -> str:
        """Return what a logged span of free text must have become; `inputs` are those of the free text's row."""
        from sandbox_suite.datasets.masks import free_text, name, own_names

        if kind == "name":
            owners = [inputs[key] for key in sorted(inputs) if key.startswith("name:") and inputs[key]]
            owner = next((own for own in owners if text.lower() in own_names.forms(own)), None)
            return free_text.REMOVED if owner is None else name.scalar(owner, inputs, self.keys, rule)
        masked = free_text.span_scalar(kind, text, self.keys, rule)
        return free_text.REMOVED if masked is None else masked

    def span_hmac(self, text: str) -> str:
        """Return the HMAC that the span log holds for an original text."""
        from sandbox_suite.datasets import domains
        from sandbox_suite.datasets.masks import free_text

        return domains.hash_scalar(text, free_text.SPAN_DOMAIN, self.keys)
