"""Modules as Ansible packs them for a container, kept from one run of a playbook to the next.

Ansible packs each module with all it imports once per run, a sixth of a second of work for each. What it packed stays
in memory, for as long as no file of a module has changed since.
"""

import hashlib
import importlib.util
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from sandbox_suite.converge.configuration import PLUGINS
from sandbox_suite.core.files import identity
from sandbox_suite.core.settings import CHECKOUT

FOLDERS = ("library", "module_utils")
DAY = 86400.0  # seconds after which what was packed from older files is removed


def folder(runtime: Path, playbook: Path) -> Path:
    """Return where modules packed for `playbook` are kept: another place once any of their files has changed."""
    kept = runtime / "payloads" / _state(playbook)
    if not kept.exists():
        kept.mkdir(parents=True, exist_ok=True, mode=0o700)
        _prune(kept)
    return kept


def _state(playbook: Path) -> str:
    """Return a digest of what decides about a payload; one playbook cannot take a module for another's namesake."""
    seen = [[str(playbook)], *([str(file), *identity(file.stat())] for file in _files(playbook))]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:16]


def _files(playbook: Path) -> Iterator[Path]:
    ansible = importlib.util.find_spec("ansible")
    if ansible and ansible.origin:
        yield Path(ansible.origin).parent / "release.py"
    roles = sorted((CHECKOUT / "roles").iterdir())
    for place in (*(where / name for where in (*roles, playbook.parent) for name in FOLDERS), CHECKOUT / PLUGINS):
        yield from sorted(place.rglob("*.py"))


def _prune(fresh: Path) -> None:
    """Remove what has not been begun within a day of `fresh`."""
    since = fresh.stat().st_mtime - DAY
    for other in fresh.parent.iterdir():
        if other.stat().st_mtime < since:
            shutil.rmtree(other, ignore_errors=True)
