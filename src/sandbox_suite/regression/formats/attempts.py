"""What every format is read into, and the bounds: a script may write anything, and a report must be able to hold it."""

import hashlib
import json
import math
import re
from dataclasses import dataclass, field
from typing import Any, Literal

MAX_CASES = 20_000  # of one suite
MAX_TEXT = 4_000  # characters kept of a message, request or response
MAX_NAME = 200
MAX_TRIES = 1000

Outcome = Literal["passed", "failed", "error", "skipped"]
OUTCOMES = ("passed", "failed", "error", "skipped")
# Control characters, halves of surrogate pairs and marks that turn the direction of text: XML refuses some, readers are
# deceived by others.
UNSHOWABLE = re.compile(
    "[^\t\n\x20-\x7e\xa0-\u200d\u2010-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)


@dataclass(frozen=True)
class Attempt:
    """One attempt at one case."""

    case: str
    outcome: Outcome
    seconds: float = 0.0
    attempt: int = 1
    message: str = ""
    request: str = ""
    response: str = ""
    tags: tuple[str, ...] = ()


@dataclass
class Read:
    """What a file said: attempts in its order, and what was wrong with it, a line each."""

    attempts: list[Attempt] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Tell whether no further attempt is taken."""
        return len(self.attempts) >= MAX_CASES


def text(value: Any, limit: int = MAX_TEXT) -> str:
    """Return what a script said as text of bounded length, without characters that XML or a terminal cannot bear."""
    if value is None:
        return ""
    said = value if isinstance(value, str) else _as_json(value)
    cut = said if len(said) <= limit else said[: limit - 1] + "…"
    return showable(cut)


def showable(said: str) -> str:
    """Return text without characters that XML or a terminal cannot bear; lines end with a newline alone."""
    return UNSHOWABLE.sub("�", said.replace("\r\n", "\n"))


def name(said: str) -> str:
    """Return the name of a case, on one line; what makes long or unshowable ones differ is kept as a digest."""
    plain = " ".join(said.split())
    shown = showable(plain)
    if len(shown) <= MAX_NAME and shown == plain:
        return shown
    mark = hashlib.sha256(plain.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{shown[: MAX_NAME - 10]}…#{mark}"


def seconds(said: Any) -> float:
    """Return a duration a file names; 0 where it is none."""
    try:
        value = float(said or 0)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return value if 0 <= value < math.inf else 0.0


def _as_json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return "(not shown: nested too deep)"
