"""Where the time of a process goes: spans of named kinds of work, over all its threads, and their sums.

Spans are kept while a collection is open; outside of one, `span` costs next to nothing.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar

# Where several are at work at once, the first of these gets the time: Pulumi waits for what the engine makes for it.
KINDS = ("docker", "containers", "pulumi", "ansible", "waiting")
OWN = "own"  # what no span covers

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Span:
    """One piece of work, in seconds of the machine's monotonic clock."""

    kind: str
    begin: float
    end: float


_open: list[Span] | None = None


@contextmanager
def collecting() -> Iterator[list[Span]]:
    """Yield the list that takes the spans of this process until the block ends."""
    global _open
    before, _open = _open, []
    try:
        yield _open
    finally:
        _open = before


@contextmanager
def span(kind: str) -> Iterator[None]:
    """Count the time of the block as work of one of KINDS."""
    begin = time.monotonic()
    try:
        yield
    finally:
        if _open is not None:
            _open.append(Span(kind, begin, time.monotonic()))


def spanned(kind: str, function: Callable[P, T]) -> Callable[P, T]:
    """Return `function`, its calls counted as work of a kind."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        with span(kind):
            return function(*args, **kwargs)

    return call


def sums(spans: list[Span], begin: float, end: float) -> dict[str, float]:
    """Return the seconds between two moments by kind; together they are exactly that time, each moment counted once."""
    covered: list[tuple[float, float]] = []
    found, before = {OWN: 0.0}, 0.0
    for kind in KINDS:
        covered += [(max(one.begin, begin), min(one.end, end)) for one in spans if one.kind == kind]
        now = length(covered)
        found[kind], before = round(now - before, 6), now
    found[OWN] = round(end - begin - before, 6)
    return found


def length(intervals: list[tuple[float, float]]) -> float:
    """Return how much time intervals cover that may overlap."""
    total, reached = 0.0, float("-inf")
    for begin, end in sorted(intervals):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total
