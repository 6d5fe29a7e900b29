"""An import into a home of one's own, for the tests of what can be imported and what is refused."""

import datetime
import re
from pathlib import Path
from typing import Any

import pytest

from sandbox_suite.core.errors import SandboxError
from sandbox_suite.core.progress import silent
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import importing
from sandbox_suite.datasets.importing import Imported, Keys, Wanted

NOW = datetime.datetime(2025, 6, 1, 12, tzinfo=datetime.UTC)


def settings(folder: Path) -> Settings:
    """Return settings with all that is stored below `folder`."""
    return Settings(folder / "home", folder / "cache", folder / "run", folder / "config", actor="anna")


def bring(
    home: Settings,
    place: Path | str,
    reference: str = "clinic@1",
    keys: Keys | None = None,
    dry_run: bool = False,
    **wanted: Any,
) -> Imported:
    """Import what is at `place`."""
    asked = Wanted(str(place), **wanted)
    return importing.run(reference, asked, keys or Keys(), home, no_container, silent, lambda: NOW, dry_run=dry_run)


def no_container() -> tuple[Any, str]:
    """Stand where a Docker engine would be asked for; nothing here needs one."""
    raise AssertionError("a container was asked for")


def refused(home: Settings, place: Path | str, *said: str, **options: Any) -> str:
    """Import what is bad, look that each of the patterns is told and that nothing is stored; return what is told."""
    before = stored(home)
    with pytest.raises(SandboxError) as caught:
        bring(home, place, **options)
    told = caught.value.explanation
    for pattern in said:
        assert re.search(pattern, told.what), told.what
    assert told.left
    assert told.remedy
    assert stored(home) == before
    return str(caught.value)


def stored(home: Settings) -> list[str]:
    """Return every file of the store but its locks."""
    root = home.home / "datasets"
    paths = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(str(path) for path in paths if path.parts[0] != "locks")
