"""What is left of a policy when the parts that are no rules at all are taken out, so that the rest is looked at too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from sandbox_suite.core.documents import Path_
from sandbox_suite.datasets.policy_document import PolicyDocument
from sandbox_suite.datasets.policy_mistakes import Looked

ROUNDS = 5  # taking one part out may bring another mistake to light
HEAD = {
    "policy": "unnamed",
    "version": 1,
    "key": {"ref": "secret://sandbox/mask", "id": "k1"},
    "default": "deny",
}
DEPTHS = {"tables": 4, "domains": 2, "templates": 2}  # steps to what is taken out


def partial(path: Path) -> Looked | None:
    """Return what can be looked at of a policy that pydantic refuses; None where that is nothing."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    spoiled: set[Path_] = set()
    for _ in range(ROUNDS):
        try:
            return Looked(PolicyDocument.model_validate(content), frozenset(spoiled))
        except ValidationError as error:
            for item in error.errors():
                spoiled.add(_take_out(content, item["loc"]))
    return None


def _take_out(content: dict[Any, Any], where: Path_) -> Path_:
    """Take the part out that holds `where`; return its place."""
    first = str(where[0]) if where else ""
    if first in HEAD:
        content[first] = HEAD[first]
        return (first,)
    found = where[: DEPTHS.get(first, 1)]
    holder: Any = content
    for step in found[:-1]:
        holder = holder.get(step) if isinstance(holder, dict) else None
    if isinstance(holder, dict):
        holder.pop(found[-1], None)
    else:
        content.pop(first, None)
    return found
