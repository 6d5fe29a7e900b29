"""What may go: versions, objects, failure reports and golden images that no pointer, job or sandbox needs.

Kept are: what is current and what was before it; the newest attested and raw versions of each dataset; the raw rows of
every kept attested version, and their parents; what jobs use. Nobody reads a version while others are removed
(`Store.using`), and everything goes pointer first: what a kill leaves is found, and removed, by the next run.
"""

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox_suite.core.clock import Clock
from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.files import read_json
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import golden_images, trail, versions
from sandbox_suite.datasets.operation import Retention
from sandbox_suite.datasets.store import Store, remove
from sandbox_suite.datasets.trail import Asker

if TYPE_CHECKING:
    import docker

WAIT_SECONDS = 30  # for those who read versions


@dataclass(frozen=True)
class Used:
    """What jobs use: `name@version`, digests of content, golden images."""

    references: frozenset[str] = frozenset()
    digests: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Removed:
    """One thing that goes."""

    kind: str  # attested, raw, garbled (no manifest), left-over (of a killed run), failure, golden
    name: str
    size: int  # bytes it takes by itself; 0 where others share it, or it is not known

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def collect(
    settings: Settings,
    retention: Retention,
    used: Callable[[], Used],
    by: Asker,
    clock: Clock,
    *,
    client: "docker.APIClient | None" = None,
    image: str = "",
    dry_run: bool = False,
) -> list[Removed]:
    """Remove what `retention` does not keep and nobody uses; return what went, or would go with `dry_run`.

    `used` is asked once nobody else can begin to use anything. `client` and `image` (the database's) are for golden
    images, which are left alone without an engine. InfrastructureError: others use the store all the time.
    """
    store = Store(settings.home / "datasets")
    try:
        with store.using(exclusive=True, seconds=WAIT_SECONDS):
            now, use = clock(), used()
            keep = kept(store, retention, use)
            gone = [*_versions(store, keep), *_left_over(store), *_failures(store, retention, now)]
            images = golden_images.unused(client, settings.home, store, keep, use.images, image) if client else []
            if not dry_run:
                _remove(store, gone, keep)
                images = golden_images.remove(client, images)
    except TimeoutError:
        raise InfrastructureError(
            "datasets are being prepared or read all the time", remedy="try again when fewer jobs begin"
        ) from None
    found = [item for _, item in gone] + [Removed("golden", name, size) for name, size in images]
    if found and not dry_run:
        _record(settings, found, by, clock)
    return found


def kept(store: Store, retention: Retention, used: Used) -> frozenset[str]:
    """Return the versions (hex) that stay."""
    pointers = store.pointers()
    stay = {version for path, version in pointers if path[0] == "current"}
    stay |= {found.version for name in _datasets(pointers) if (found := _before(store, name))}
    stay |= {version for path, version in pointers if path[0] == "attested" and "@".join(path[1:]) in used.references}
    stay |= {version for version in _all(store) if _content(store, version) in used.digests}
    stay |= _newest(store, pointers, "attested", retention.attested)
    stay |= _newest(store, pointers, "raw", retention.raw)
    names = {_reference(store, version) for version in stay} | used.references
    stay |= {version for path, version in pointers if path[0] == "raw" and "@".join(path[1:]) in names}
    stay |= {parent for version in stay if (parent := _parent(store, version))}
    return frozenset(stay)


def _datasets(pointers: Iterable[tuple[tuple[str, ...], str]]) -> list[str]:
    return sorted({path[1] for path, _ in pointers if path[0] == "current"})


def _before(store: Store, name: str) -> versions.Move | None:
    return versions.previous(versions.history(store, name))


def _newest(store: Store, pointers: Sequence[tuple[tuple[str, ...], str]], kind: str, count: int) -> set[str]:
    """Return the newest versions of a kind, `count` of each dataset."""
    found: dict[str, list[tuple[tuple[str, float], str]]] = {}
    for path, version in pointers:
        if path[0] == kind:
            found.setdefault(path[1], []).append((_age(store, version), version))
    return {version for each in found.values() for _, version in sorted(each, reverse=True)[:count]}


def _age(store: Store, version: str) -> tuple[str, float]:
    """Return when a version was attested and when it was stored, for order; least where it is gone or garbled."""
    folder = store.raw(version)
    try:
        signed = read_json(folder / "attestation.json")["body"]["at"] if _content(store, version) else ""
        return str(signed), (folder / "manifest.json").stat().st_mtime if _manifest(store, version) else 0.0
    except (OSError, ValueError, KeyError, TypeError):
        return "", 0.0


def _all(store: Store) -> list[str]:
    return sorted(place.name for place in (store.root / "ver").glob("*") if place.name[0] != ".")


def _manifest(store: Store, version: str) -> Mapping[str, Any]:
    try:
        found = store.manifest(version)
    except (OSError, ValueError):
        return {}
    return found


def _content(store: Store, version: str) -> str:
    return str(_manifest(store, version).get("digest", ""))


def _reference(store: Store, version: str) -> str:
    manifest = _manifest(store, version)
    return f"{manifest.get('name')}@{manifest.get('version')}"


def _parent(store: Store, version: str) -> str:
    """Return the version that a patched one was made from."""
    return str((_manifest(store, version).get("patch") or {}).get("parent", ""))


def _versions(store: Store, keep: frozenset[str]) -> list[tuple[Path, Removed]]:
    gone = [store.raw(version) for version in _all(store) if version not in keep]
    return [(place, _told(store, place)) for place in gone]


def _told(store: Store, place: Path) -> Removed:
    manifest = _manifest(store, place.name)
    kind = "raw" if manifest.get("state") == "raw" else "attested" if manifest else "garbled"
    own = sum(file.stat().st_size for file in place.glob("tables/*") if file.stat().st_nlink <= 2)
    return Removed(kind, f"{_reference(store, place.name)} {place.name[:12]}" if manifest else place.name[:12], own)


def _left_over(store: Store) -> list[tuple[Path, Removed]]:
    return [(place, Removed("left-over", place.name[:32], _size(place))) for place in store.left_over()]


def _size(place: Path) -> int:
    files = [place] if place.is_file() else [one for one in place.rglob("*") if one.is_file()]
    return sum(file.stat().st_size for file in files)


def _failures(store: Store, retention: Retention, now: datetime.datetime) -> Iterator[tuple[Path, Removed]]:
    limit = now - datetime.timedelta(days=retention.failures_days)
    for report in sorted((store.root / "failures").glob("*.json")):
        try:
            at = datetime.datetime.fromisoformat(read_json(report)["at"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # what cannot be read is for somebody to look at
        if at < limit:
            both = [file for file in (report.with_suffix(".md"), report) if file.exists()]
            yield report, Removed("failure", report.stem, sum(file.stat().st_size for file in both))


def _remove(store: Store, gone: Sequence[tuple[Path, Removed]], keep: frozenset[str]) -> None:
    for path, version in store.pointers():
        if version not in keep:
            store.forget(*path)
    for place, item in gone:
        if item.kind == "failure":
            remove(place.with_suffix(""))  # the validation report
            for suffix in (".md", ".txt", ".json"):  # the JSON last: it is what the next run finds
                place.with_suffix(suffix).unlink(missing_ok=True)
        elif item.kind != "left-over":
            store.discard(place.name)
    store.sweep()  # left-overs, and the objects of what just went


def _record(settings: Settings, found: Sequence[Removed], by: Asker, clock: Clock) -> None:
    details = {"removed": [f"{item.kind} {item.name}" for item in found], "bytes": sum(item.size for item in found)}
    target = f"{len(found)} things"
    trail.record(settings.home, by, clock, action="dataset.gc", target=target, outcome="ok", details=details)
