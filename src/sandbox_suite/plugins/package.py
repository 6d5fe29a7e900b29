"""The package of a plugin: one file `<id>-<version>.pxp`, which is a gzipped tar of plain files.

It holds `plugin.yaml` with the hash of all files in it, `manifest.sig` over the bytes of that `plugin.yaml`, and the
plugin's files. The same folder and key give the same bytes. docs/reference/plugin-package.md is the specification.
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import write_atomic
from sandbox_suite.plugins import checksum, manifest, signature, tree
from sandbox_suite.plugins.manifest import Manifest
from sandbox_suite.plugins.signature import Trusted
from sandbox_suite.plugins.tree import Item, Tree

ENDING = ".pxp"
MAX_PACKAGE = 256 << 20  # bytes of a package file
MAX_MANIFEST = 1 << 20
OVERHEAD = 4096  # bytes of tar around one file, generously: headers, padding, long names
MOMENT = 946_684_800  # 2000-01-01: every file's time, so that equal folders give equal packages


@dataclass(frozen=True)
class Package:
    """A package file. `digest` is `sha256:<hex>` of the plugin's content, whoever signed it."""

    path: Path
    id: str
    version: str
    digest: str
    signer: str  # fingerprint


@dataclass(frozen=True)
class Plugin:
    """A verified plugin, ready to be deployed from `package`."""

    id: str
    version: str
    digest: str  # sha256:<hex> of the content
    package: Path  # the .pxp file: a gzipped tar, to be unpacked into the plugin's directory
    manifest: Manifest
    signer: str  # who signed it: a label and the key's fingerprint


@dataclass(frozen=True)
class Content:
    """What a package holds: a folder's files, or those read out of a package file."""

    manifest: Manifest
    files: Tree  # with plugin.yaml, whose checksum is set; without manifest.sig
    digest: str
    signature: bytes = b""


def content(folder: Path) -> Content:
    """Read a plugin folder, and write its checksum into the manifest (in memory)."""
    described = manifest.load(folder)  # first: a bad manifest is told with all its lines
    files = tree.read(folder)
    blank = checksum.stamp(files[manifest.NAME].data.decode(), checksum.BLANK)
    value = tree.tree_hash(_with_manifest(files, blank).values())
    stamped = checksum.stamp(blank, value)
    known = described.model_copy(update={"checksums": described.checksums.model_copy(update={"package_sha256": value})})
    return Content(known, _with_manifest(files, stamped), f"sha256:{value}")


def pack(folder: Path, out: Path, key: bytes) -> Package:
    """Pack and sign a plugin folder into the folder `out`; the file is complete or not there."""
    return write(content(folder), out, key)


def write(packed: Content, out: Path, key: bytes, name: str = "") -> Package:
    """Sign `packed` with the private key and write the package file into the folder `out`."""
    signed = signature.sign(packed.files[manifest.NAME].data, key)
    items = [*packed.files.values(), Item(signature.NAME, False, signed)]
    path = out / (name or f"{packed.manifest.id}-{packed.manifest.version}{ENDING}")
    write_atomic(path, _archive(items))
    mark = signature.fingerprint(signature.public_key(key))
    return Package(path, packed.manifest.id, packed.manifest.version, packed.digest, mark)


def verify(path: Path, trusted: Trusted) -> Plugin:
    """Return the plugin in a package file whose signature and hash are right; else a RequestError says what is not."""
    held = read(path)
    text = held.files[manifest.NAME].data
    signer = signature.verify(text, held.signature, trusted)
    expected = held.manifest.checksums.package_sha256
    found = tree.tree_hash(_with_manifest(held.files, _blanked(text.decode(), expected)).values())
    if found != expected:
        raise _refused(f"the files have the hash {found}, the manifest says {expected or 'nothing'}", path)
    return Plugin(held.manifest.id, held.manifest.version, f"sha256:{found}", path, held.manifest, str(signer))


def read(path: Path) -> Content:
    """Read a package file without believing it: paths, kinds and sizes are checked, signature and hash are not."""
    files = dict(_items(path))
    signed = files.pop(signature.NAME, None)
    if signed is None or manifest.NAME not in files:
        missing = signature.NAME if signed is None else manifest.NAME
        raise _refused(f"{missing} is missing", path)
    if clashes := tree.clashes(files):
        raise _refused(f"{', '.join(clashes)}: a file and a folder at once", path)
    read_manifest = manifest.parse(_text(files[manifest.NAME].data, path))
    return Content(read_manifest, files, f"sha256:{read_manifest.checksums.package_sha256}", signed.data)


def _with_manifest(files: Tree, text: str) -> dict[str, Item]:
    """Return `files` with another text of the manifest, which is never executable."""
    return {**files, manifest.NAME: Item(manifest.NAME, False, text.encode())}


def _blanked(text: str, value: str) -> str:
    return text.replace(value, checksum.BLANK) if value else text


def _text(data: bytes, path: Path) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _refused(f"{manifest.NAME} is not UTF-8", path) from error


def _archive(items: Iterable[Item]) -> bytes:
    """Return the gzipped tar of these files: sorted, of nobody, of one time."""
    raw = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=6, mtime=0, filename="") as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for item in sorted(items, key=lambda item: item.path):
            member = tarfile.TarInfo(item.path)
            member.size, member.mtime, member.mode = len(item.data), MOMENT, 0o755 if item.executable else 0o644
            archive.addfile(member, io.BytesIO(item.data))
    return raw.getvalue()


def _items(path: Path) -> Iterable[tuple[str, Item]]:
    """Yield the files of an archive; RequestError at the first thing that no package has."""
    try:
        if path.stat().st_size > MAX_PACKAGE:
            raise _refused(f"larger than {MAX_PACKAGE >> 20} MiB", path)
        with (
            gzip.open(path) as unzipped,
            tarfile.open(fileobj=cast(Any, _Bounded(unzipped, path)), mode="r|") as archive,
        ):
            yield from _members(archive, path)
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        raise _refused(f"cannot be read as a package: {error}", path) from error


def _members(archive: tarfile.TarFile, path: Path) -> Iterable[tuple[str, Item]]:
    seen: set[str] = set()
    for member in archive:
        mistake = tree.path_mistake(member.name) or _member_mistake(member)
        if mistake or member.name in seen:
            raise _refused(f"{member.name!r} {mistake or 'is there twice'}", path)
        if len(seen) >= tree.MAX_FILES:
            raise _refused(f"more than {tree.MAX_FILES} files", path)
        seen.add(member.name)
        file = archive.extractfile(member)
        assert file is not None  # a regular file has content
        yield member.name, Item(member.name, bool(member.mode & 0o100), file.read())


def _member_mistake(member: tarfile.TarInfo) -> str | None:
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        return "is no plain file (a link, a device or a folder)"
    if member.mode not in (0o644, 0o755):
        return f"has the mode {member.mode:o}; a package has 644 and 755 only"
    limit = MAX_MANIFEST if member.name in (manifest.NAME, signature.NAME) else tree.MAX_BYTES
    return f"is larger than {limit} bytes" if member.size > limit else None


class _Bounded:
    """Lets only so much be unzipped: a small package must not fill the memory."""

    def __init__(self, source: gzip.GzipFile, path: Path) -> None:
        self._source, self._path = source, path
        self._left = tree.MAX_BYTES + tree.MAX_FILES * OVERHEAD

    def read(self, size: int = -1) -> bytes:
        """Read at most the bytes that are left to this archive."""
        data = self._source.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise _refused(f"unpacks to more than {tree.MAX_BYTES >> 20} MiB", self._path)
        return data


def _refused(what: str, path: Path) -> RequestError:
    return RequestError(
        f"{path.name}: {what}",
        left="the plugin was not installed",
        remedy="fetch the package again, or have its author pack it again with `plugin.pack`",
    )
