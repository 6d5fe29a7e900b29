"""Which version of a dataset is current, how it came to be, and the way back.

`ref/current/<name>` shows the version; `history/<name>.json` holds every move of that pointer. The history is written
first: a move that a kill cut short stands in it without being what the pointer shows, and is then passed over.
"""

import datetime
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sandbox_suite.core.clock import Clock, iso
from sandbox_suite.core.errors import RequestError, SandboxError
from sandbox_suite.core.files import read_json, write_json
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import attestation, trail
from sandbox_suite.datasets.store import Attested, Store
from sandbox_suite.datasets.trail import Asker

Action = Literal["prepare", "rollback"]
CURRENT = "current"  # asks, as a version, for the one that is current
DIGITS = 8  # of a version's digest, at least, where it is given instead of a name


@dataclass(frozen=True)
class Move:
    """One move of the pointer to the current version."""

    version: str  # hex digest of the manifest it shows since
    reference: str  # name@version
    at: str  # ISO 8601, UTC
    actor: str
    action: Action
    reason: str

    def as_dict(self) -> dict[str, str]:
        """Return the move as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Rollback:
    """A pointer swap, done or shown. `left` is what was current; empty where nothing was."""

    name: str
    left: str  # name@version
    now: str  # name@version
    version: str  # hex digest of the manifest
    digest: str  # of the content, as it is proved in a database

    def as_dict(self) -> dict[str, str]:
        """Return it as JSON."""
        return asdict(self)


def history(store: Store, name: str) -> list[Move]:
    """Return the moves of a dataset's pointer, oldest first, as far as they were carried out."""
    moves = _written(store, name)
    if moves and moves[-1].version != store.pointer("current", name):
        moves.pop()
    return moves


def advance(store: Store, attested: Attested, by: Asker, now: datetime.datetime) -> bool:
    """Make a newly attested version current; one that was current before stays what it is, so no job undoes a rollback.

    Return whether the pointer moved.
    """
    version = attested.folder.name
    if version == store.pointer("current", attested.name):
        return False
    with store.lock(f"current-{attested.name}"):
        if any(move.version == version for move in history(store, attested.name)):
            return False
        _move(store, attested, "prepare", by, now)
    return True


def rollback(settings: Settings, name: str, to: str, by: Asker, clock: Clock, dry_run: bool = False) -> Rollback:
    """Make the version before the current one, or the one that `to` names, current again.

    `to` is a version's name, or the beginning of its digest. Running sandboxes keep theirs: they hold copies.
    RequestError: there is no such version. NotAttestedError: the gate's word for it does not hold, nothing is changed.
    """
    try:
        found = _rolled_back(settings, name, to, by, clock, dry_run)
    except SandboxError as error:
        if not dry_run:
            _record(settings, by, clock, f"{name}@{to}" if to else name, "refused", {"error": error.explanation.what})
        raise
    if not dry_run:
        _record(settings, by, clock, found.now, "ok", found.as_dict())
    return found


def _rolled_back(settings: Settings, name: str, to: str, by: Asker, clock: Clock, dry_run: bool) -> Rollback:
    store, signing = Store(settings.home / "datasets"), attestation.signing_key(settings.home)
    with store.using(), store.lock(f"current-{name}"):
        current = store.pointer("current", name)
        wanted = _named(store, name, to) if to else _before(store, name)
        attested = store.open(wanted, signing, clock())
        store.verify_files(attested)
        if not dry_run and wanted != current:
            _move(store, attested, "rollback", by, clock())
        return Rollback(name, _reference(store, current), _reference(store, wanted), wanted, attested.digest)


def _record(settings: Settings, by: Asker, clock: Clock, target: str, outcome: str, details: dict[str, Any]) -> None:
    trail.record(settings.home, by, clock, action="dataset.rollback", target=target, outcome=outcome, details=details)


def resolve(reference: str, settings: Settings) -> str:
    """Return `name@version` of what `reference` asks for: `name@current` is what is current now, at any other it stays.

    RequestError: nothing of that name is current.
    """
    name, _, version = reference.partition("@")
    if version != CURRENT:
        return reference
    root = settings.home / "datasets"
    found = Store(root).pointer("current", name) if root.exists() else None
    if found is None:
        raise RequestError(
            f"dataset `{name}` has no current version yet",
            remedy="name one, NAME@VERSION: the first attested is current",
        )
    return _reference(Store(root), found)


def previous(moves: Sequence[Move]) -> Move | None:
    """Return where a rollback leads: what was current before, leaving out what was already rolled back."""
    standing: list[Move] = []
    for move in moves:
        back = [at for at, earlier in enumerate(standing) if earlier.version == move.version]
        if move.action == "rollback" and back:
            del standing[back[-1] + 1 :]
        else:
            standing.append(move)
    return standing[-2] if len(standing) > 1 else None


def find(store: Store, prefix: str, kind: str = "") -> str:
    """Return the one version whose digest begins with `prefix`; RequestError where it is none, or several."""
    found = sorted(place.name for place in (store.root / "ver").glob(f"{prefix}*")) if prefix.isalnum() else []
    if len(found) != 1 or len(prefix) < DIGITS:
        said = f"{len(found)} versions begin with it" if found else "no version has it"
        raise RequestError(
            f"no single {kind} version `{prefix}`: {said}".replace("  ", " "), remedy=f"give {DIGITS} digits or more"
        )
    return found[0]


def _named(store: Store, name: str, to: str) -> str:
    version = store.pointer("attested", name, to)
    if version:
        return version
    known = [number for of, number, _ in store.names() if of == name]
    if len(to) >= DIGITS and (store.root / "ver").exists():
        place = find(store, to, "attested")
        if store.manifest(place)["name"] == name:
            return place
    raise RequestError(
        f"dataset `{name}` has no attested version `{to}`; it has {', '.join(known) or 'none'}",
        remedy="`./invoke dataset.history --name NAME` shows what was current before",
    )


def _before(store: Store, name: str) -> str:
    moves = history(store, name)
    if not moves and store.pointer("current", name) is None:
        known = ", ".join(sorted({of for of, _, _ in store.names()})) or "none"
        raise RequestError(f"dataset `{name}` has no current version; those that have one: {known}")
    found = previous(moves)
    if found is None:
        raise RequestError(
            f"dataset `{name}` has no version before the current one", remedy="name one with --to VERSION"
        )
    return found.version


def _move(store: Store, attested: Attested, action: Action, by: Asker, now: datetime.datetime) -> None:
    name, version = attested.name, attested.folder.name
    move = Move(version, f"{name}@{attested.version}", iso(now), by.actor, action, by.reason)
    moves = [*history(store, name), move]
    write_json(store.history(name), [item.as_dict() for item in moves], mode=0o600)
    store.point(version, "current", name)


def _written(store: Store, name: str) -> list[Move]:
    try:
        return [_read(item) for item in read_json(store.history(name))]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError) as error:
        raise RequestError(
            f"the history of dataset `{name}` cannot be read: {type(error).__name__}",
            remedy=f"move {store.history(name)} away; `--to VERSION` then names the way back",
        ) from error


def _read(item: dict[str, Any]) -> Move:
    return Move(**item)


def _reference(store: Store, version: str | None) -> str:
    if version is None:
        return ""
    try:
        manifest = store.manifest(version)
    except (OSError, ValueError):
        return f"a version that is gone ({version[:12]})"
    return f"{manifest['name']}@{manifest['version']}"
