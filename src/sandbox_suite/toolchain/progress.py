"""Saying that long work is alive: a line at its start, one every few seconds, one at its end."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox_suite.core.progress import Say

EVERY_SECONDS = 5.0
SHOWN = 100  # characters of the latest line


@contextmanager
def ticking(say: Say, what: str, every: float = EVERY_SECONDS) -> Iterator[Say]:
    """Say `what`, then its elapsed time and latest line every few seconds; yields how to tell the latest line."""
    began, ended, latest = time.monotonic(), threading.Event(), [""]

    def beat() -> None:
        while not ended.wait(every):
            say(f"{what}: {time.monotonic() - began:.0f} s  {latest[0][:SHOWN]}".rstrip())

    say(what)
    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield lambda line: latest.__setitem__(0, line)
    finally:
        ended.set()
        thread.join()
    say(f"{what}: done in {time.monotonic() - began:.1f} s")
