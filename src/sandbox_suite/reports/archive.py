"""Zip archives of what a job left: redacted once more, bounded, the same bytes for the same content."""

import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from sandbox_suite.reports import manifest

Redact = Callable[[str], str]
MOST_BYTES = 20 << 20  # of all files, before they are compressed
LARGEST = 1 << 20  # of one file; of a longer one, its end
EPOCH = (1980, 1, 1, 0, 0, 0)  # of every member: an archive's bytes depend on its content alone


@dataclass
class Archive:
    """Files by name, up to a size; what does not fit is told in `left_out`."""

    redact: Redact
    secrets: Sequence[bytes] = ()
    most: int = MOST_BYTES
    largest: int = LARGEST
    files: dict[str, bytes] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def add_file(self, name: str, path: Path) -> None:
        """Add a file's end. A file that is no text is added only where it is small and holds no known secret."""
        try:
            cut, data = _end(path, self.largest)
        except OSError as error:
            self.left_out[name] = f"cannot be read: {error.strerror}"
            return
        if b"\0" in data[:8192]:
            self._add_binary(name, data, cut)
        else:
            self.add(name, self._hidden(data, cut))

    def add_unchanged(self, name: str, path: Path) -> None:
        """Add a file whose digests must stay, as an audit log's; one in which something looks secret is left out."""
        if not path.is_file():
            return
        text = path.read_bytes()
        if self._hidden(text, cut=False) == text:
            self.add(name, text)
        else:
            self.left_out[name] = "something in it looks like a secret"

    def add(self, name: str, data: bytes) -> None:
        """Add a file that is redacted already."""
        if sum(map(len, self.files.values())) + len(data) > self.most:
            self.left_out[name] = f"the archive would be larger than {self.most >> 20} MiB"
        else:
            self.files[name] = data

    def packed(self, **about: Any) -> bytes:
        """Return the archive, its manifest in it."""
        listed = manifest.of(self.files, **about, left_out=self.left_out)
        held = {**self.files, manifest.NAME: (json.dumps(listed, indent=2, ensure_ascii=False) + "\n").encode()}
        written = BytesIO()
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for name, data in sorted(held.items()):
                member = zipfile.ZipInfo(name, EPOCH)
                member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(member, data)
        return written.getvalue()

    def _hidden(self, data: bytes, cut: bool) -> bytes:
        if cut:  # a line that began before the cut could be half of a secret
            data = b"[the beginning was left out]\n" + data.partition(b"\n")[2]
        return self.redact(data.decode(errors="surrogateescape")).encode(errors="surrogateescape")

    def _add_binary(self, name: str, data: bytes, cut: bool) -> None:
        if cut:
            self.left_out[name] = f"no text, and larger than {self.largest >> 10} KiB"
        elif any(secret in data for secret in self.secrets):
            self.left_out[name] = "holds a secret"
        else:
            self.add(name, data)


def _end(path: Path, most: int) -> tuple[bool, bytes]:
    """Return (whether it is only the end, the last bytes of a file)."""
    with path.open("rb") as file:
        size = path.stat().st_size
        file.seek(max(0, size - most))
        return size > most, file.read(most)


def failing_lines(path: Path, wanted: Iterable[str], redact: Redact) -> bytes:
    """Return those of a suite's JSON lines that are about one of the `wanted` cases, redacted."""
    names = frozenset(wanted)
    return b"".join(_lines(path, names, redact))


def _lines(path: Path, names: frozenset[str], redact: Redact) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            try:
                said = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(said, dict) and said.get("case") in names:
                yield json.dumps(_redacted(said, redact), ensure_ascii=True).encode() + b"\n"


def _redacted(value: Any, redact: Redact) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(str(key)): _redacted(item, redact) for key, item in value.items()}
    return [_redacted(item, redact) for item in value] if isinstance(value, list) else value
