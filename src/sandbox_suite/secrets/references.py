"""References to secrets (`secret://sandbox/<name>`) and their values.

A value comes from the environment (`SANDBOX_SECRET_<NAME>` is the path of a file), else from
`<home>/secrets/<name>` (0600).
Configuration, logs, records and state hold the reference only.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import write_atomic

REFERENCE = re.compile(r"secret://sandbox/([a-z][a-z0-9-]{0,62})")


def resolve(reference: str, home: Path) -> bytes:
    """Return the value behind `reference`; RequestError where it is no reference or has no value."""
    place = _place(reference, home)
    try:
        return place.read_bytes()
    except OSError as error:
        raise RequestError(
            f"secret `{reference}` has no value: {error.strerror}",
            remedy=f"put it into {place}, or name its file in {_variable(reference)}",
        ) from error


def ensure(reference: str, home: Path, make: Callable[[], bytes]) -> bytes:
    """Return the value behind `reference`, made by `make` on first use; two at once get the same value."""
    place = _place(reference, home)
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(f"{place}.lock"):
            if not place.exists():
                write_atomic(place, make(), mode=0o600)
    return resolve(reference, home)


def _place(reference: str, home: Path) -> Path:
    match = REFERENCE.fullmatch(reference)
    if not match:
        raise RequestError(f"`{reference}` is no secret reference", remedy="write secret://sandbox/<name>")
    outside = os.environ.get(_variable(reference))
    return Path(outside) if outside else home / "secrets" / match[1]


def _variable(reference: str) -> str:
    return "SANDBOX_SECRET_" + reference.rpartition("/")[2].upper().replace("-", "_")
