"""The files of a plugin: what counts, what is refused, and the one hash over all of them."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import canonical
from sandbox_suite.core.findings import Finding

MAX_FILES = 20_000
MAX_BYTES = 512 << 20  # of all files together
MAX_PATH = 240
# Made by tools on the author's machine; never part of a plugin.
LEFT_OUT_FOLDERS = frozenset(
    {".git", ".hg", ".svn", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".idea", ".vscode"}
)
LEFT_OUT_FILES = frozenset({".DS_Store", "manifest.sig"})
LEFT_OUT_ENDINGS = (".pyc", ".pyo", ".swp", "~")


@dataclass(frozen=True)
class Item:
    """A file of a plugin: its path inside, whether it can be executed, its bytes."""

    path: str
    executable: bool
    data: bytes


Tree = Mapping[str, Item]


def tree_hash(items: Iterable[Item]) -> str:
    """Return SHA-256 (hex) over the canonical list of (path, executable, size, SHA-256), by path."""
    rows = [[item.path, item.executable, len(item.data), hashlib.sha256(item.data).hexdigest()] for item in items]
    return hashlib.sha256(canonical(sorted(rows))).hexdigest()


def path_mistake(path: str) -> str | None:
    """Say what is wrong with a path inside a package; None where nothing is."""
    parts = PurePosixPath(path).parts
    if not path or path.startswith("/") or ".." in parts or "\\" in path:
        return "leads out of the package"
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in path) or not _is_text(path):
        return "holds signs that no file name should"
    if len(path) > MAX_PATH or str(PurePosixPath(path)) != path or path == ".":
        return "is too long or not in its plain form"
    return None


def clashes(paths: Iterable[str]) -> list[str]:
    """Return the paths that are a file and a folder at once."""
    names = set(paths)
    return sorted({str(parent) for name in names for parent in PurePosixPath(name).parents if str(parent) in names})


def read(folder: Path) -> Tree:
    """Return the files of a plugin folder; RequestError names everything that cannot be packed."""
    found, tree = look(folder)
    if found:
        raise RequestError(
            "\n".join(f"{finding.place}: {finding.message}" for finding in found),
            remedy="remove or replace what is named; a plugin holds plain files and folders",
        )
    return tree


def look(folder: Path) -> tuple[list[Finding], Tree]:
    """Return (what cannot be packed, the files that can)."""
    found: list[Finding] = []
    tree: dict[str, Item] = {}
    size = 0
    for path in _walk(folder):
        name = path.relative_to(folder).as_posix()
        mistake = path_mistake(name) or _kind_mistake(path)
        size += 0 if mistake else path.lstat().st_size
        if size > MAX_BYTES or len(tree) >= MAX_FILES:
            found.append(_finding(f"more than {MAX_BYTES >> 20} MiB or {MAX_FILES} files", name))
            break
        if mistake:
            found.append(_finding(mistake, name))
        else:
            tree[name] = _item(path, name, found)
    return found, tree


def _item(path: Path, name: str, found: list[Finding]) -> Item:
    try:
        return Item(name, bool(path.stat().st_mode & stat.S_IXUSR), path.read_bytes())
    except OSError as error:
        found.append(_finding(f"cannot be read: {error.strerror}", name))
        return Item(name, False, b"")


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files that count, by path. Links are yielded and never followed."""
    for root, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(root) / name).is_symlink()]
        folders[:] = sorted(name for name in folders if name not in LEFT_OUT_FOLDERS and name not in links)
        yield from (Path(root) / name for name in sorted([*files, *links]) if not _left_out(name))


def _left_out(name: str) -> bool:
    return name in LEFT_OUT_FILES or name.endswith(LEFT_OUT_ENDINGS)


def _kind_mistake(path: Path) -> str | None:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return "is a link; put the file itself there"
    if not stat.S_ISREG(mode):
        return "is a device, socket or pipe"
    return "is set-user-id or set-group-id" if mode & (stat.S_ISUID | stat.S_ISGID) else None


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _finding(message: str, place: str) -> Finding:
    return Finding("error", message, place.encode(errors="backslashreplace").decode(), "plugin-file-refused")
