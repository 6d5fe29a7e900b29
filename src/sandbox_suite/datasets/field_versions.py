"""The stored versions with the label of each field. Labels are kept: a version never changes, and code has a digest."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox_suite.core.errors import SandboxError
from sandbox_suite.core.files import canonical, digest, file_digest, read_json, write_json
from sandbox_suite.core.progress import Say
from sandbox_suite.datasets import detection, pools
from sandbox_suite.datasets.detection import Evidence, Label, Labels
from sandbox_suite.datasets.store import Store

LOOKED = ("raw", "attested")  # states of versions


@dataclass(frozen=True)
class Version:
    """A stored version and what its fields look like."""

    state: str  # raw, attested
    dataset: str
    number: str
    digest: str  # of the manifest, hex
    manifest: Mapping[str, Any]
    labels: Labels  # of attested versions: of kept columns only, the others are masked
    broken: str = ""  # why it could not be read

    @property
    def name(self) -> str:
        """Return `state:name@version`."""
        return f"{self.state}:{self.dataset}@{self.number}"


def all_of(store: Store, cache: Path, say: Say) -> list[Version]:
    """Return every stored version, each looked at once, whether a pointer shows it or not; `cache` keeps the labels."""
    found = []
    for version, (state, name, number) in sorted(_known(store).items(), key=lambda item: (item[1], item[0])):
        say(f"look at {state}:{name}@{number}")
        found.append(_look(store, state, name, number, version, cache))
    return found


def _known(store: Store) -> dict[str, tuple[str, str, str]]:
    """Return {digest: (state, dataset, version)}; without a pointer, the version ends with its digest."""
    found = {version: (state, name, number) for state in LOOKED for name, number, version in store.names(state)}
    for place in sorted((store.root / "ver").glob("[0-9a-f]*")):
        if place.name not in found:
            found[place.name] = _unnamed(store, place.name)
    return found


def _unnamed(store: Store, version: str) -> tuple[str, str, str]:
    try:
        manifest = store.manifest(version)
        state = "raw" if manifest.get("state") == "raw" else "attested"
        return state, str(manifest["name"]), f"{manifest['version']}#{version[:8]}"
    except (OSError, ValueError, KeyError, AttributeError):
        return "raw", "unknown", version[:12]


def _look(store: Store, state: str, name: str, number: str, version: str, cache: Path) -> Version:
    try:
        manifest = store.manifest(version)
        kept = cache / f"{version}.{_code()}.json"
        labels = _read(kept)
        if labels is None:
            labels = _labels(store.raw(version) / "tables", manifest, state)
            shown = {table: {name: item.as_dict() for name, item in found.items()} for table, found in labels.items()}
            write_json(kept, shown)
        return Version(state, name, number, version, manifest, labels)
    except (SandboxError, OSError, ValueError, KeyError, AttributeError) as error:
        return Version(state, name, number, version, {"tables": {}}, {}, type(error).__name__)


def _labels(folder: Path, manifest: Mapping[str, Any], state: str) -> Labels:
    tables = manifest["tables"]
    if state == "raw":
        comments = {
            name: {column: str(item.get("comment", "")) for column, item in table["columns"].items()}
            for name, table in tables.items()
        }
        batches = {name: detection.parquet(folder / f"{name}.parquet") for name in tables}
        return detection.label_all(batches, {name: table["foreign_keys"] for name, table in tables.items()}, comments)
    return {name: _kept(folder / f"{name}.parquet", table) for name, table in tables.items()}


def _kept(path: Path, table: Mapping[str, Any]) -> dict[str, Label]:
    kept = [name for name, item in table["columns"].items() if "keep" in item.get("rule", {})]
    return {
        name: detection.label(look, name) for name, look in detection.see(detection.parquet(path), kept).columns.items()
    }


def _read(path: Path) -> Labels | None:
    """Return labels that were kept; None where there are none that can be read."""
    try:
        content = read_json(path)
        return {table: {name: _label(item) for name, item in columns.items()} for table, columns in content.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _label(said: Mapping[str, Any]) -> Label:
    evidence = tuple(_evidence(item) for item in said["evidence"])
    return Label(said["kind"], said["sure"], evidence, said["rows"], said["distinct"], said["type"], said["form"])


def _evidence(said: Mapping[str, Any]) -> Evidence:
    return Evidence(**{name: value for name, value in said.items() if name != "share"})


@functools.cache
def _code() -> str:
    """Return what labels follow from beside the rows: detection's code and words, eight hex digits."""
    folder = Path(detection.__file__).parent
    files: Iterable[Path] = (*sorted(folder.glob("*.py")), *sorted((folder / "words").iterdir()))
    made_of = [pools.version(), {path.name: file_digest(path) for path in files}]
    return digest(canonical(made_of)).removeprefix("sha256:")[:8]
