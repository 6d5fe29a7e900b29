"""How long work tells what it does: a callable that takes one line."""

from collections.abc import Callable

Say = Callable[[str], None]


def silent(line: str) -> None:
    """Say nothing."""
