"""import: rows from outside become a raw version `name@version`, stored under its digest; all of it or nothing.

A version never changes: the same content again is told and left, another content under the same name is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sandbox_suite.core.clock import Clock, iso
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import canonical, digest, write_json
from sandbox_suite.core.progress import Say
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import places, raw, sources, trail
from sandbox_suite.datasets.sources import keys, origins, plain, remote, space
from sandbox_suite.datasets.sources.found import Found, misnamed
from sandbox_suite.datasets.sources.keys import Written
from sandbox_suite.datasets.sources.mistakes import Mistakes
from sandbox_suite.datasets.sources.model import Table
from sandbox_suite.datasets.sources.origins import Container, Wanted
from sandbox_suite.datasets.store import NAME as VERSION
from sandbox_suite.datasets.store import Store

__all__ = ["Imported", "Keys", "Wanted", "run"]

NAME = r"[a-z][a-z0-9-]{0,62}"


@dataclass(frozen=True)
class Keys:
    """What a person says of keys: primary ones by table, and foreign ones (`table.column`) to leave out."""

    primary: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class Imported:
    """The outcome of an import. `outcome`: stored, unchanged (it was there already), dry run (it would be stored)."""

    dataset: str
    outcome: str
    version: str  # digest of the manifest, hex: the folder's name in the store
    source: str  # sha256:..., digest of rows and keys
    rows: int
    tables: Mapping[str, Any]  # as the manifest has them
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON shows it."""
        return asdict(self)


def run(
    reference: str,
    wanted: Wanted,
    said: Keys,
    settings: Settings,
    container: Container,
    say: Say,
    clock: Clock,
    dry_run: bool = False,
) -> Imported:
    """Import `wanted` as `reference`. RequestError tells its mistakes; InfrastructureError: disk or network."""
    name, version = _split(reference)
    described = _described(reference, wanted, settings)
    store = Store(settings.home / "datasets")
    for left in store.sweep():
        say(f"removed what a killed run left: {left[:16]}")
    key = f"import-{name}-{version}"
    with store.using(), store.lock(key), store.work(key) as work, space.told(store.root):
        folder = work / "raw"
        folder.mkdir()
        with origins.opened(wanted, origins.Around(work, settings.home, container, say)) as found:
            tables, notes = _written(found, wanted, said, folder, say)
        source = raw.source_digest(sources.load(described)) if described else _digest(reference, tables)
        known = _known(store, name, version)
        if known and known != source:
            raise _refused(reference)
        if not known and not dry_run:
            space.require(store.root, _size(folder), "the copy into the store")
            made = raw.commit(store, name, version, source, tables, folder)
            _record(store.raw(made), reference, source, wanted, settings, clock)
    outcome = "unchanged" if known else "dry run" if dry_run else "stored"
    rows = sum(table["rows"] for table in tables.values())
    return Imported(reference, outcome, store.pointer("raw", name, version) or "", source, rows, tables, notes)


def _split(reference: str) -> tuple[str, str]:
    name, version = places.split(reference)
    if not re.fullmatch(NAME, name) or not VERSION.fullmatch(version):
        raise RequestError(
            f"`{reference}` cannot name a dataset version",
            remedy="a name is lower-case letters, digits and -; a version letters, digits, . _ -",
        )
    return name, version


def _described(reference: str, wanted: Wanted, settings: Settings) -> Path | None:
    """Return the YAML that describes `reference` already, if it is what is imported; RequestError if it is not."""
    there = places.described(settings).get(reference)
    if there is None:
        return None
    asked = origins.described(wanted.place)
    if asked is None or asked.resolve() != there.resolve():
        raise RequestError(
            f"`{reference}` is described by {there} already",
            left="nothing was stored",
            remedy="import under another version",
        )
    return there


def _written(
    found: Sequence[Found], wanted: Wanted, said: Keys, folder: Path, say: Say
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Write every table, settle the keys, and return the tables for the manifest, and the notes."""
    by_name = {item.name: item for item in found}
    mistakes = Mistakes()
    for option, names in (("--type", wanted.types), ("--key", said.primary), ("--ignore-key", said.ignored)):
        origins.unknown(tuple(names), by_name, option, mistakes)
    for item in found:
        for line in misnamed(item):
            mistakes.add(line, "name tables and columns so where they come from, or in a copy")
    mistakes.settle()
    entries: dict[str, dict[str, Any]] = {}
    for item in found:
        with mistakes.gathered():
            entries[item.name] = _write(item, folder)
            say(f"read {item.name}: {entries[item.name]['rows']} rows")
    written = {
        name: Written(by_name[name], folder / f"{name}.parquet", entry["rows"]) for name, entry in entries.items()
    }
    settled = keys.settle(written, said.primary, said.ignored, mistakes)
    if not found:
        mistakes.add(f"{remote.shown(wanted.place)}: holds no table", f"name {origins.KINDS}")
    elif not mistakes and not sum(entry["rows"] for entry in entries.values()):
        mistakes.add("no table has a row", "import what has rows")
    mistakes.settle()
    tables = {
        name: {**entries[name], **raw.described(keys.not_null(by_name[name].columns, table), table)}
        for name, table in settled.items()
    }
    empty = tuple(f"{item.place}: has no rows" for item in found if not entries[item.name]["rows"])
    return tables, tuple(note for item in found for note in item.notes) + empty


def _write(found: Found, folder: Path) -> dict[str, Any]:
    batches = plain.regroup(plain.proper(found.rows(), found.place))
    return raw.write(batches, folder / f"{found.name}.parquet", found.columns, Table(found.name, ()))


def _digest(reference: str, tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the digest of name, rows and keys, whatever release writes the Parquet files."""
    content = {
        name: {key: value for key, value in table.items() if key != "file_digest"} for name, table in tables.items()
    }
    return digest(canonical([reference, content]))


def _known(store: Store, name: str, version: str) -> str:
    """Return the source digest of the raw version that is stored under a name, if there is one."""
    there = store.pointer("raw", name, version)
    return str(store.manifest(there)["source"]) if there and (store.raw(there) / "manifest.json").exists() else ""


def _refused(reference: str) -> RequestError:
    return RequestError(
        f"`{reference}` is stored with other content: a version never changes",
        left="the stored version stays, nothing was added",
        remedy="import under another version; `./invoke dataset.show --name NAME@VERSION` shows what is stored",
    )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _record(place: Path, reference: str, source: str, wanted: Wanted, settings: Settings, clock: Clock) -> None:
    """Note where a version came from, beside it and in the audit log."""
    url = remote.scheme(wanted.place)
    origin = remote.shown(wanted.place) if url else str(Path(wanted.place).expanduser().resolve())
    by = trail.asker(settings)
    write_json(place / raw.ORIGIN, {"from": origin, "at": iso(clock()), "by": by.actor}, mode=0o600)
    details = {"version": place.name, "digest": source, "from": origin}
    trail.record(settings.home, by, clock, action="dataset.import", target=reference, outcome="ok", details=details)
