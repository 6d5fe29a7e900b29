"""One at a time: file locks that end with their process, and say so when they make somebody wait."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sandbox_suite.core.progress import Say
from sandbox_suite.toolchain.progress import ticking


@contextmanager
def held(path: Path, say: Say, what: str) -> Iterator[IO[str]]:
    """Hold the lock at `path`; the kernel frees it when the process ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with ticking(say, f"waiting: another start prepares {what} (lock {path})"):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield file
