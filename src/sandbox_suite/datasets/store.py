"""Versions of datasets, by content: `raw` as imported, `attested` after mask and gate. Nothing here is ever changed.

obj/<sha256>              one file (0444)
ver/<sha256>/             a version: manifest.json (its digest is the folder's name), attestation.json, tables/
ref/<kind>/...            pointers to versions, swapped atomically; kinds: raw, attested, current, cache
history/<name>.json       every move of ref/current/<name>
tmp/<key>/                work in progress (quarantine); removed by the next run when it was killed
failures/, locks/
"""

import contextlib
import datetime
import fcntl
import hashlib
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import canonical, file_digest, read_json, write_atomic, write_json
from sandbox_suite.datasets import attestation
from sandbox_suite.datasets.attestation import NotAttestedError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
LOOK_SECONDS = 0.05  # between two looks at a lock that others hold


@dataclass(frozen=True)
class Attested:
    """A masked version that the gate signed."""

    name: str
    version: str
    digest: str  # sha256:..., over the masked content: what the proof finds again in a database
    attested: bool
    at: str  # when the gate signed, ISO 8601, UTC
    folder: Path  # manifest.json, attestation.json, tables/
    manifest: dict[str, Any]
    cache_key: str  # sha256 over source, policy, kernel and key: what the masked content follows from

    def table(self, name: str) -> Path:
        """Return the Parquet of one table."""
        return self.folder / "tables" / f"{name}.parquet"

    @property
    def rows(self) -> int:
        """Return the number of rows of all tables."""
        return sum(table["rows"] for table in self.manifest["tables"].values())


class Store:
    """The dataset versions of one installation."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    # ---- versions

    def commit(self, manifest: Mapping[str, Any], tables: Path, attested: Mapping[str, Any] | None) -> str:
        """Take the files that `manifest` names out of `tables` and return the new version's digest (hex)."""
        content = canonical(manifest)
        version = hashlib.sha256(content).hexdigest()
        place = self.root / "ver" / version
        with self.lock("store"):
            if not _whole(place, content, manifest):
                remove(place)
                self._build(place, content, manifest, tables)
            if attested is not None:
                write_json(place / "attestation.json", attested)
        return version

    def open(self, version: str, private: bytes, now: datetime.datetime) -> Attested:
        """Return a version whose manifest and attestation hold; else NotAttestedError. Files: see `verify_files`."""
        folder = self.root / "ver" / version
        try:
            content = (folder / "manifest.json").read_bytes()
            document = read_json(folder / "attestation.json")
        except (OSError, ValueError):
            raise NotAttestedError(f"dataset version {version[:12]} has no attestation") from None
        actual = hashlib.sha256(content).hexdigest()
        if actual != version:
            raise NotAttestedError(f"the manifest of dataset version {version[:12]} was edited")
        body = attestation.verify(document, private, f"sha256:{actual}", now)
        manifest = read_json(folder / "manifest.json")
        return Attested(
            manifest["name"],
            manifest["version"],
            manifest["digest"],
            True,
            body["at"],
            folder,
            manifest,
            body["cache_key"],
        )

    def attested(self, name: str, version: str, private: bytes, now: datetime.datetime) -> Attested | None:
        """Return the newest attested content of `name@version`, None where there is none."""
        found = self.pointer("attested", name, version)
        return self.open(found, private, now) if found else None

    def raw(self, version: str) -> Path:
        """Return the folder of a raw version."""
        return self.root / "ver" / version

    def manifest(self, version: str) -> dict[str, Any]:
        """Return the manifest of a version, as it is."""
        manifest: dict[str, Any] = read_json(self.raw(version) / "manifest.json")
        return manifest

    def names(self, kind: str = "attested") -> list[tuple[str, str, str]]:
        """Return every (name, version, digest) of a kind of pointer."""
        places = sorted((self.root / "ref" / kind).glob("*/*"))
        return [(place.parent.name, place.name, place.read_text()) for place in places if place.name[0] != "."]

    # ---- pointers

    def point(self, version: str, *path: str) -> None:
        """Make a pointer (`attested`, name, version, or `current`, name, ...) show `version`, atomically.

        One that does is left alone.
        """
        if self.pointer(*path) != version:
            write_atomic(self._reference(path), version.encode())

    def pointer(self, *path: str) -> str | None:
        """Return what a pointer shows."""
        try:
            return self._reference(path).read_text()
        except FileNotFoundError:
            return None

    def pointers(self) -> list[tuple[tuple[str, ...], str]]:
        """Return every pointer as (path, version), whatever its kind."""
        root = self.root / "ref"
        places = sorted(place for place in root.rglob("*") if place.is_file() and place.name[0] != ".")
        return [(place.relative_to(root).parts, place.read_text()) for place in places]

    def forget(self, *path: str) -> None:
        """Remove a pointer; nothing happens to what it shows."""
        self._reference(path).unlink(missing_ok=True)

    def history(self, name: str) -> Path:
        """Return the file that holds the moves of a dataset's current pointer."""
        return self._reference(("current", name)).parents[2] / "history" / f"{name}.json"

    def _reference(self, path: tuple[str, ...]) -> Path:
        for part in path:
            if not NAME.fullmatch(part) and not re.fullmatch("[0-9a-f]{64}", part):
                raise RequestError(f"`{part}` cannot name a dataset or version", remedy="use letters, digits, . _ -")
        return self.root.joinpath("ref", *path)

    # ---- work in progress

    @contextlib.contextmanager
    def lock(self, name: str, timeout: float = -1) -> Iterator[None]:
        """Hold a lock of the store; ends with the process."""
        place = self.root / "locks" / f"{name}.lock"
        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(place, timeout=timeout):
            yield

    @contextlib.contextmanager
    def using(self, exclusive: bool = False, seconds: float | None = None) -> Iterator[None]:
        """Keep versions from being removed while they are read; `exclusive` keeps everybody else from using any.

        Ends with the process. TimeoutError after `seconds`; without them it waits.
        """
        place = self.root / "locks" / "using.lock"
        place.parent.mkdir(parents=True, exist_ok=True)
        end = None if seconds is None else time.monotonic() + seconds
        with place.open("w") as file:
            while True:
                try:
                    fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if end is not None and time.monotonic() > end:
                        raise TimeoutError("the store is in use") from None
                    time.sleep(LOOK_SECONDS)
            yield

    @contextlib.contextmanager
    def work(self, key: str) -> Iterator[Path]:
        """Give an empty private folder for the work on `key`; call it with `key`'s lock held. Removed at the end."""
        place = self.root / "tmp" / key
        remove(place)
        place.mkdir(parents=True, mode=0o700)
        try:
            yield place
        finally:
            remove(place)

    def discard(self, version: str) -> None:
        """Remove a version's folder, which nobody may need any more; its objects go with the next sweep."""
        place = self.root / "ver" / version
        gone = place.parent / f".{version}"  # a sweep ends what a kill cuts short
        with self.lock("store"):
            remove(gone)
            if place.exists():
                place.rename(gone)
            remove(gone)

    def left_over(self) -> list[Path]:
        """Return what killed runs left: their work, and files that no version names."""
        return [*(place for place in sorted((self.root / "tmp").glob("*")) if self._idle(place)), *self._unnamed()]

    def sweep(self) -> list[str]:
        """Remove what killed runs left; return the names."""
        removed = [place.name for place in sorted((self.root / "tmp").glob("*")) if self._cleared(place)]
        with self.lock("store"):
            for place in self._unnamed():
                remove(place)
                removed.append(place.name)
        return removed

    def _unnamed(self) -> list[Path]:
        """Return halves of versions, and objects without a version: each that names one holds a hard link."""
        objects = sorted((self.root / "obj").glob("*"))
        return [*sorted((self.root / "ver").glob(".*")), *(place for place in objects if place.stat().st_nlink == 1)]

    def _idle(self, place: Path) -> bool:
        try:
            with self.lock(place.name, timeout=0):
                return True
        except Timeout:
            return False

    def _cleared(self, place: Path) -> bool:
        try:
            with self.lock(place.name, timeout=0):
                remove(place)
        except Timeout:
            return False
        return True

    # ---- files

    def verify_files(self, attested: Attested) -> None:
        """Read every file of a version and compare it with the manifest."""
        for name, table in attested.manifest["tables"].items():
            place = attested.table(name)
            if not place.exists() or file_digest(place) != table["file_digest"]:
                raise NotAttestedError(f"the file of table `{name}` of {attested.name}@{attested.version} was changed")

    def _build(self, place: Path, content: bytes, manifest: Mapping[str, Any], tables: Path) -> None:
        new = place.parent / f".{place.name}"
        remove(new)
        (new / "tables").mkdir(parents=True, mode=0o700)
        for name, table in manifest["tables"].items():
            found = self._object(tables / f"{name}.parquet", table["file_digest"])
            (new / "tables" / f"{name}.parquet").hardlink_to(found)
        write_atomic(new / "manifest.json", content, 0o444)
        new.rename(place)

    def _object(self, path: Path, digest: str) -> Path:
        if file_digest(path) != digest:
            raise NotAttestedError(f"{path.name} is not the file that the manifest names")
        place = self.root / "obj" / digest.removeprefix("sha256:")
        if place.exists() and file_digest(place) == digest:
            return place
        place.parent.mkdir(parents=True, exist_ok=True)
        new = place.parent / f".{place.name}"
        shutil.copyfile(path, new)
        with new.open("rb") as file:
            os.fchmod(file.fileno(), stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
            os.fsync(file.fileno())
        return new.replace(place)


def _whole(place: Path, content: bytes, manifest: Mapping[str, Any]) -> bool:
    """Say whether a version is there as it was committed."""
    try:
        return (place / "manifest.json").read_bytes() == content and all(
            file_digest(place / "tables" / f"{name}.parquet") == table["file_digest"]
            for name, table in manifest["tables"].items()
        )
    except FileNotFoundError:
        return False


def remove(place: Path) -> None:
    """Remove a file, or a folder and what is in it, or nothing."""
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
