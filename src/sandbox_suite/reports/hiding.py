"""Hiding a job's secrets in what leaves the job's folder: as they are, and as a script may have written them."""

import base64
import html
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote

from sandbox_suite.converge.context import SECRET_NAME
from sandbox_suite.core.redaction import Redactor

SHORTEST = 4  # characters; shorter ones stand in every text


def redactor(folder: Path | None) -> Redactor:
    """Return what hides the secrets in the files of `folder`; a file that is removed meanwhile is left out."""
    return Redactor(spelling for value in known(folder) for spelling in spellings(value))


def known(folder: Path | None) -> list[str]:
    """Return the secrets in the files of `folder`: each file's text, or the values under secret names of its JSON."""
    found: list[str] = []
    for file in sorted(folder.glob("*")) if folder else []:
        try:
            text = file.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            continue
        found += _inside(text)
    return [value for value in found if len(value) >= SHORTEST]


def _inside(text: str) -> list[str]:
    try:
        held = json.loads(text)
    except ValueError:
        return [text]
    if not isinstance(held, dict):
        return [text]
    return [str(value) for name, value in held.items() if SECRET_NAME.search(name)]


def spellings(value: str) -> Iterator[str]:
    """Yield a secret as it may stand in a text: plain, in a URL, JSON or markup, in hexadecimal or base 64 digits."""
    data = value.encode(errors="surrogateescape")
    yield from dict.fromkeys(
        (
            value,
            quote(value, safe=""),
            quote_plus(value),
            unquote(value),
            json.dumps(value)[1:-1],
            json.dumps(value, ensure_ascii=False)[1:-1],
            html.escape(value),
            data.hex(),
            *_base64(data),
        )
    )


def _base64(data: bytes) -> Iterable[str]:
    """Yield the base 64 digits that are the same wherever in a longer text the secret began."""
    for before in range(3):
        padded = bytes(before) + data
        digits = base64.b64encode(padded).decode()
        first = (0, 2, 3)[before]
        last = len(padded) * 8 // 6  # the digit after these also holds bits of what follows
        if last - first >= 8:
            yield digits[first:last]
            yield base64.urlsafe_b64encode(padded).decode()[first:last]
