"""Every mistake of a source at once: lines and remedies are gathered, then told together."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sandbox_suite.core.errors import RequestError

SHOWN = 40  # lines; a folder of a thousand broken files is told by its first ones


class Mistakes:
    """What is wrong with a source so far."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.remedies: list[str] = []

    def __bool__(self) -> bool:
        return bool(self.lines)

    def add(self, line: str, remedy: str = "") -> None:
        """Note one mistake, and what to do about it."""
        self.lines.append(line)
        if remedy and remedy not in self.remedies:
            self.remedies.append(remedy)

    @contextlib.contextmanager
    def gathered(self) -> Iterator[None]:
        """Turn a RequestError of the block into a mistake, so that the next thing can be looked at too."""
        try:
            yield
        except RequestError as error:
            self.add(error.explanation.what, error.explanation.remedy)

    def settle(self) -> None:
        """Raise everything that was gathered as one RequestError."""
        if self:
            more = len(self.lines) - SHOWN
            lines = self.lines[:SHOWN] + ([f"and {more} more"] if more > 0 else [])
            raise RequestError("\n".join(lines), left="nothing was stored", remedy="; ".join(self.remedies))
