"""Which way sandboxes get their clones: what is set, or what the engine's storage can do, found out once."""

import hashlib
from pathlib import Path
from typing import Any

from filelock import FileLock

from sandbox_suite.core.files import read_json, write_json
from sandbox_suite.datasets.golden import clones
from sandbox_suite.datasets.golden.model import Backend, Setting
from sandbox_suite.datasets.golden.names import FOLDER

FILE = "golden-clones.json"  # in the home: what was found out of which engine
TRY = f"echo there >{FOLDER}/a && cp --reflink=always {FOLDER}/a {FOLDER}/b"


def choose(setting: Setting, client: Any, image: str, home: Path) -> Backend:
    """Return the back end: the one that is set; with `auto`, reflinks where the engine's volumes have them."""
    if setting != "auto":
        return setting
    return "reflink" if reflinks(getattr(client, "api", client), image, home) else "image"


def reflinks(client: Any, image: str, home: Path) -> bool:
    """Whether files in the engine's volumes can share their blocks; tried once for each engine and place."""
    info = client.info()
    engine = f"{info['ID']} {info['DockerRootDir']}"
    known = _known(home / FILE)
    if engine not in known:
        (home / "locks").mkdir(parents=True, exist_ok=True)
        with FileLock(home / "locks" / "golden-clones.lock"):
            known = {engine: _try(client, image, home)}
            write_json(home / FILE, known, mode=0o600)
    return known[engine]


def _known(file: Path) -> dict[str, bool]:
    try:
        return {str(engine): bool(found) for engine, found in read_json(file).items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _try(client: Any, image: str, home: Path) -> bool:
    volume = f"sandbox-suite-reflinks-{hashlib.sha256(str(home.absolute()).encode()).hexdigest()[:12]}"
    client.create_volume(volume)
    try:
        code, _ = clones.run(client, image, TRY, {volume: FOLDER}, volume, {})
    finally:
        client.remove_volume(volume, force=True)
    return not code
