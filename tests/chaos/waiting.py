"""Waiting for what must come."""

import time
from collections.abc import Callable

LOOK = 0.05


def until(there: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait until something is so; TimeoutError where it does not come."""
    end = time.monotonic() + seconds
    while not there():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not after {seconds:.0f} s")
        time.sleep(LOOK)
