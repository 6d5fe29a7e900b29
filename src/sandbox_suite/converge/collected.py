"""What a sandbox's part left, unpacked on this side: the container is not trusted, and secrets are hidden on the way.

Only plain files with plain names, one folder deep, up to a size; each is written whole or not at all.
"""

import json
import re
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sandbox_suite.core.files import write_atomic
from sandbox_suite.core.redaction import Redactor

NAME = re.compile(r"(results|logs|metrics)/[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
MOST_FILES = 2000
MOST_BYTES = 256 << 20  # of one part


class RefusedError(Exception):
    """The archive is not what an honest part packs; files written before are complete."""


def unpack(archive: Path, artifacts: Path, owned: Iterable[str] = (), redact: Redactor | None = None) -> list[str]:
    """Unpack into `artifacts` and return the names of the files that changed.

    What an earlier run left in the `owned` folders and the archive does not hold is removed: an old result must not
    pass for a new one.
    """
    redact = redact or Redactor()
    held: set[str] = set()
    changed: list[str] = []
    for name, data in _members(archive):
        held.add(name)
        content = shown(name, data, redact)
        target = artifacts / name
        if not target.is_file() or target.read_bytes() != content:
            write_atomic(target, content, 0o600)
            changed.append(name)
    for old in _left_over(artifacts, owned, held):
        (artifacts / old).unlink()
        changed.append(old)
    return changed


def shown(name: str, data: bytes, redact: Redactor) -> bytes:
    """Return a file's content with every secret hidden; JSON stays JSON."""
    if name.endswith(".jsonl"):
        return b"\n".join(_json(line, redact) for line in data.split(b"\n"))
    return _json(data, redact) if name.endswith(".json") else _text(data, redact)


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    files, left = 0, MOST_BYTES
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                files, left = files + 1, left - member.size
                if not member.isreg() or not NAME.fullmatch(member.name):
                    raise RefusedError(f"{member.name!r} is no plain file in results, logs or metrics")
                if files > MOST_FILES or left < 0:
                    raise RefusedError(f"more than {MOST_FILES} files or {MOST_BYTES >> 20} MiB")
                source = tar.extractfile(member)
                yield member.name, source.read() if source else b""
    except tarfile.TarError as error:
        raise RefusedError(f"not a tar archive: {error}") from error


def _left_over(artifacts: Path, owned: Iterable[str], held: set[str]) -> list[str]:
    names = (
        path.relative_to(artifacts).as_posix() for folder in owned for path in sorted((artifacts / folder).glob("*"))
    )
    return [name for name in names if name not in held]


def _json(data: bytes, redact: Redactor) -> bytes:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return _text(data, redact)
    hidden = _hidden(content, redact)
    return data if hidden == content else json.dumps(hidden, ensure_ascii=False).encode()


def _hidden(value: Any, redact: Redactor) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(key): _hidden(item, redact) for key, item in value.items()}
    return [_hidden(item, redact) for item in value] if isinstance(value, list) else value


def _text(data: bytes, redact: Redactor) -> bytes:
    text = data.decode(errors="surrogateescape")
    hidden = redact(text)
    return data if hidden == text else hidden.encode(errors="surrogateescape")
