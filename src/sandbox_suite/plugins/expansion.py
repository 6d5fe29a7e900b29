"""`${NAME}` and `${NAME:-default}` in the manifest's environment values."""

import re
from collections.abc import Mapping

REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def expand(value: str, given: Mapping[str, str]) -> str:
    """Return `value` with each reference replaced; as in a shell, an empty value takes the default, none is empty."""
    return REFERENCE.sub(lambda match: given.get(match[1]) or match[2] or "", value)


def references(value: str) -> dict[str, str | None]:
    """Return the names that `value` refers to, each with its default (None: without one)."""
    return {match[1]: match[2] for match in REFERENCE.finditer(value)}
