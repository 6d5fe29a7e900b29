"""A request that was found without fault is not looked at again while all that it was judged by is as it was.

It spares a person a third of a second before the job begins, and never decides: `admit` looks at every job.
"""

import datetime
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sandbox_suite.core.files import canonical, digest, identity, read_json, write_json
from sandbox_suite.core.settings import CHECKOUT, Settings
from sandbox_suite.jobs.model import Request

FILE = "looked.json"
KEPT = 50  # requests, the latest
BESIDE = ("reason", "wait_at_most")  # what no finding depends on


def is_clear(settings: Settings, request: Request, now: datetime.datetime) -> bool:
    """Say whether this was found without fault before, by the same files."""
    known = _read(settings).get(_key(settings, request, now))
    return known is not None and known["state"] == _state(map(Path, known["places"]))


def remember(settings: Settings, request: Request, now: datetime.datetime, places: Iterable[Path]) -> None:
    """Keep that a look found nothing at all; `places` are the files and folders that the request itself names."""
    judged = sorted({path.absolute() for path in (*_always(settings), *places)})
    known = _read(settings)
    known.pop(_key(settings, request, now), None)
    known[_key(settings, request, now)] = {"places": list(map(str, judged)), "state": _state(judged)}
    write_json(settings.home / FILE, dict(list(known.items())[-KEPT:]), mode=0o600)


def _read(settings: Settings) -> dict[str, Any]:
    try:
        return dict(read_json(settings.home / FILE))
    except (OSError, ValueError):
        return {}


def _always(settings: Settings) -> list[Path]:
    """Return where plugins, datasets, flags, permissions and quotas are looked up, whatever is asked."""
    home = settings.home
    stores = (home / "plugins", home / "policies", home / "datasets" / "ref", home / "datasets" / "sources")
    return [settings.config, CHECKOUT / "examples", CHECKOUT / "src" / "sandbox_suite", *stores]


def _key(settings: Settings, request: Request, now: datetime.datetime) -> str:
    asked = {name: value for name, value in request.as_dict().items() if name not in BESIDE}
    return digest(canonical([asked, repr(settings), str(Path.cwd()), now.date().isoformat()]))


def _state(places: Iterable[Path]) -> str:
    """Return a digest of names, sizes and times of change of all files in these places."""
    return digest(canonical([[str(place), sorted(_facts(place))] for place in places]))


def _facts(place: Path) -> Iterator[tuple[str, int, int, int]]:
    paths = [place]
    while paths:
        path = paths.pop()
        try:
            if path.is_dir() and path.name != "__pycache__":
                paths.extend(path.iterdir())
            found = path.stat()
        except OSError:
            continue
        if path.name != "__pycache__":
            yield str(path), *identity(found)
