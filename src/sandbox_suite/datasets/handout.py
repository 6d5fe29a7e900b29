"""An attested version handed out as files: masked Parquet, its manifest and the gate's attestation, or nothing."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox_suite.core.clock import Clock
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import file_digest
from sandbox_suite.core.progress import Say
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import prepare, trail
from sandbox_suite.datasets.attestation import NotAttestedError
from sandbox_suite.datasets.store import Attested, Store
from sandbox_suite.datasets.trail import Asker

FILES = ("manifest.json", "attestation.json")
MODE = 0o644


def mask(reference: str, policy: Path, out: Path, settings: Settings, by: Asker, say: Say, clock: Clock) -> Attested:
    """Write `reference` masked by `policy` to `out`, all at once, where the gate attests it; no pointer moves.

    RequestError: `out` is there and not empty. BlockedError: as `prepare` says it.
    """
    out = out.absolute()
    _refuse(out)
    with Store(settings.home / "datasets").using():
        attested = prepare.prepare(reference, policy, settings, say, clock, by, current=False)
        with _beside(out) as new:
            _write(attested, new)
            _refuse(out)
            new.rename(out)  # takes the place of an empty folder
    details = {"version": attested.folder.name, "digest": attested.digest, "out": str(out)}
    trail.record(settings.home, by, clock, action="dataset.export", target=reference, outcome="ok", details=details)
    return attested


def _refuse(out: Path) -> None:
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise RequestError(f"{out} is no folder", remedy="name a new or an empty folder with --out")
    if out.is_dir() and any(out.iterdir()):
        raise RequestError(f"{out} is not empty", remedy="name a new or an empty folder with --out")


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """Give a new folder beside `out`, on the same file system; it is gone at the end, unless it was renamed."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise RequestError(f"{out} cannot be written: {error.strerror}", remedy="name another folder") from error
    try:
        yield new
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _write(attested: Attested, new: Path) -> None:
    (new / "tables").mkdir()
    for name in FILES:
        _copy(attested.folder / name, new / name)
    for name, table in attested.manifest["tables"].items():
        place = new / "tables" / f"{name}.parquet"
        _copy(attested.table(name), place)
        if file_digest(place) != table["file_digest"]:  # what left the store is what the gate signed
            raise NotAttestedError(f"the file of table `{name}` of {attested.name}@{attested.version} was changed")


def _copy(source: Path, place: Path) -> None:
    shutil.copyfile(source, place)
    place.chmod(MODE)
    with place.open("rb") as file:
        os.fsync(file.fileno())
