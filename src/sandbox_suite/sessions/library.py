"""The files of Ansible's payloads, by name and content, and their code: what agents are taught."""

import base64
import contextlib
import importlib.util
import io
import marshal
import sysconfig
import zipfile
import zlib
from pathlib import Path

from sandbox_suite.core.files import write_atomic

Key = tuple[str, bool, int, int]  # module's name, whether a package, size and CRC of its text
UTILS = "ansible.module_utils."
Kept = list[tuple[Key, bytes, bytes]]  # key, text, code


class Library:
    """Every file seen in a payload, and its code once that was wanted.

    What all payloads have in common is kept in `store`, for the holders to come: a session can learn it before Ansible
    says anything.
    """

    def __init__(self, store: Path | None = None) -> None:
        self._store, self._kept = store, frozenset[Key]()
        self._texts: dict[Key, bytes] = {}
        self._codes: dict[Key, bytes] = {}
        self._zips: dict[tuple[int, int], tuple[Key, ...] | None] = {}
        self._usual: frozenset[Key] | None = None

    def files(self, packed: str) -> tuple[Key, ...] | None:
        """Return the files of a zip in base64, or None where it has others than Python's."""
        seen = (len(packed), zlib.crc32(packed.encode()))
        if seen not in self._zips:
            found = self._zips[seen] = self._index(base64.b64decode(packed))
            if found:
                self._usual = frozenset(found) if self._usual is None else self._usual & set(found)
        return self._zips[seen]

    def usual(self) -> tuple[Key, ...]:
        """Return the files that all payloads have; from earlier times, as long as there was none."""
        if self._usual is None and self._store:
            with contextlib.suppress(OSError, ValueError, EOFError, TypeError):
                self._load(self._store.read_bytes())
        return tuple(sorted(self._usual or ()))

    def save(self) -> None:
        """Keep what is usual, if that is news."""
        usual = self.usual()
        if self._store and usual and self._kept != set(usual):
            kept = [(key, self._texts[key], self.code(key)) for key in usual]
            write_atomic(self._store, marshal.dumps((importlib.util.MAGIC_NUMBER, kept)), 0o600)

    def text(self, key: Key) -> bytes:
        """Return a file's text."""
        return self._texts[key]

    def code(self, key: Key) -> bytes:
        """Return a file's code, marshalled for a Python of our own minor version."""
        if key not in self._codes:
            code = compile(self._texts[key], _filename(key), "exec", dont_inherit=True)
            self._codes[key] = marshal.dumps(code)
        return self._codes[key]

    def _index(self, data: bytes) -> tuple[Key, ...] | None:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            keys = {entry: _key(entry) for entry in archive.infolist() if entry.filename.endswith(".py")}
            if len(keys) != len(archive.namelist()):
                return None
            for entry, key in keys.items():
                if key not in self._texts:
                    self._texts[key] = archive.read(entry)
            return tuple(keys.values())

    def _load(self, data: bytes) -> None:
        magic, kept = marshal.loads(data)  # noqa: S302 - our own file, in a folder of ours alone
        if magic == importlib.util.MAGIC_NUMBER and all(_current(key) for key, _, _ in kept):
            for key, text, code in kept:
                self._texts[key], self._codes[key] = text, code
            self._usual = self._kept = frozenset(key for key, _, _ in kept)


def _current(key: Key) -> bool:
    """Say whether a file is that of the Ansible installed: an agent that loaded another could run no module."""
    if not key[0].startswith(UTILS):
        return True  # packages that Ansible makes up
    try:
        text = (Path(sysconfig.get_path("purelib")) / _filename(key)).read_bytes()
    except OSError:
        return False
    return key[2:] == (len(text), zlib.crc32(text))


def _filename(key: Key) -> str:
    """Return what tracebacks call a file."""
    return key[0].replace(".", "/") + ("/__init__.py" if key[1] else ".py")


def _key(entry: zipfile.ZipInfo) -> Key:
    name = entry.filename.removesuffix(".py")
    package = name.endswith("/__init__")
    return name.removesuffix("/__init__").replace("/", "."), package, entry.file_size, entry.CRC
