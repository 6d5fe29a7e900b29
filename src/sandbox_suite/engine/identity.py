"""Which installation a thing belongs to: two homes may share one Docker engine and must not sweep each other."""

import secrets
from collections.abc import Callable
from pathlib import Path

from sandbox_suite.core.files import write_atomic


def _new() -> str:
    return secrets.token_hex(6)


def installation(home: Path, make: Callable[[], str] = _new) -> str:
    """Return the id of the installation at `home`, made on first use; two at once get the same."""
    file = home / "installation"
    if not file.exists():
        from filelock import FileLock

        home.mkdir(parents=True, exist_ok=True)
        with FileLock(home / "installation.lock"):
            if not file.exists():
                write_atomic(file, f"{make()}\n".encode())
    return file.read_text().strip()
