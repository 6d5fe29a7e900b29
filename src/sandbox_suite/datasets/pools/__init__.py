"""Word lists that names and addresses are masked with: one word a line, vendored, so that they never change unseen.

Made by `make.py` from mimesis (MIT licence) and python-stdnum. A changed list changes pseudonyms, so its digest is part
of the kernel's version.
"""

from __future__ import annotations

import functools
from pathlib import Path

from sandbox_suite.core.files import canonical, digest, file_digest

FOLDER = Path(__file__).parent
LANGUAGES = ("de", "en", "es", "fr", "it", "nl", "pl", "pt", "zh")


@functools.cache
def words(pool: str) -> tuple[str, ...]:
    """Return the words of a pool such as `given.zh`."""
    return tuple((FOLDER / f"{pool}.txt").read_text(encoding="utf-8").splitlines())


@functools.cache
def digests() -> dict[str, str]:
    """Return {pool: digest of its file}."""
    return {path.name.removesuffix(".txt"): file_digest(path) for path in sorted(FOLDER.glob("*.txt"))}


def version() -> str:
    """Return eight hex digits that stand for all pools together."""
    return digest(canonical(digests())).removeprefix("sha256:")[:8]
