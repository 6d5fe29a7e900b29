"""Where dataset sources are found: `examples/datasets`, `<home>/datasets/sources`, and the folders that
SANDBOX_DATASETS names (parted by colons), as YAML files or folders with `dataset.yaml`; then the raw versions that
are stored, by `dataset.import` or by a job whose YAML is gone."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.settings import CHECKOUT, Settings
from sandbox_suite.datasets.store import Store

if TYPE_CHECKING:
    from sandbox_suite.datasets.sources import Source

VARIABLE = "SANDBOX_DATASETS"


def folders(settings: Settings) -> list[Path]:
    """Return the folders that are searched, the most particular first."""
    named = [Path(part) for part in os.environ.get(VARIABLE, "").split(":") if part]
    return [*named, settings.home / "datasets" / "sources", CHECKOUT / "examples" / "datasets"]


def known(settings: Settings) -> dict[str, Path]:
    """Return {name@version: its YAML file, or the folder of its raw version}."""
    return stored(settings) | described(settings)


def stored(settings: Settings) -> dict[str, Path]:
    """Return {name@version: the folder of its raw version}; writes nothing where no store is."""
    root = settings.home / "datasets"
    if not (root / "ref" / "raw").is_dir():
        return {}
    store = Store(root)
    versions = {f"{name}@{version}": store.raw(digest) for name, version, digest in store.names("raw")}
    return {reference: folder for reference, folder in versions.items() if (folder / "manifest.json").exists()}


def described(settings: Settings) -> dict[str, Path]:
    """Return {name@version: its YAML file}; a file that does not even name a dataset is passed over."""
    found: dict[str, Path] = {}
    for path in _files(settings):
        reference = _reference(path)
        if reference:
            found.setdefault(reference, path)
    return found


def find(reference: str, settings: Settings) -> "Source":
    """Return the source of `name@version`; RequestError names the known ones, and files that cannot be read."""
    from sandbox_suite.datasets import sources

    place = known(settings).get(reference)
    if place is None:
        names = ", ".join(sorted(known(settings))) or "none"
        raise RequestError(
            f"unknown dataset `{reference}`; known: {names}",
            remedy=f"write NAME@VERSION of one of them, import it (`./invoke dataset.import`),"
            f" or put a source into a folder that {VARIABLE} names",
        )
    return sources.stored.load(place) if place.is_dir() else sources.load(place)


def split(reference: str) -> tuple[str, str]:
    """Return name and version of `name@version`."""
    name, at, version = reference.partition("@")
    if not (name and at and version):
        raise RequestError(f"`{reference}` is no dataset version", remedy="write NAME@VERSION")
    return name, version


def _files(settings: Settings) -> Iterator[Path]:
    for folder in folders(settings):
        yield from sorted(folder.glob("*.yaml"))
        yield from sorted(folder.glob("*/dataset.yaml"))


def _reference(path: Path) -> str:
    """Return what a source calls itself, read without checking the rest of it."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return f"{content['dataset']}@{content['version']}"
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError, KeyError):
        return ""
