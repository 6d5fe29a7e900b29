"""Room on the disk, looked at before it is used up, and told in words when it is."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from sandbox_suite.core.errors import InfrastructureError

MARGIN = 64 << 20  # bytes that are always left free
FULL = (errno.ENOSPC, errno.EDQUOT)


def require(folder: Path, size: int, what: str) -> None:
    """Raise InfrastructureError where `folder`'s disk has no room for `size` bytes more."""
    free = shutil.disk_usage(folder).free
    if free < size + MARGIN:
        raise _full(f"{what} needs {_spoken(size + MARGIN)}, and {_spoken(free)} are free", folder)


@contextlib.contextmanager
def told(folder: Path) -> Iterator[None]:
    """Turn the operating system's word for a full disk into ours."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL or "No space left on device" in str(error):  # Arrow's errors do not always have a number
            raise _full("the disk was full before everything was written", folder) from error
        raise


def _full(said: str, folder: Path) -> InfrastructureError:
    return InfrastructureError(
        said, left="nothing was stored", remedy=f"free some room below {folder}, or choose another SANDBOX_HOME"
    )


def _spoken(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB"
