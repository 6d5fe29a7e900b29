"""A data owner's manual correction: a new raw version with its parent, reason and author, masked and gated like any.

The parent stays. A correction that the gate blocks is not kept, so that it can be corrected under the same name.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox_suite.core.clock import Clock, iso
from sandbox_suite.core.errors import BlockedError, RequestError
from sandbox_suite.core.files import canonical, digest
from sandbox_suite.core.progress import Say
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import patch_rows, patch_tables, places, prepare, trail
from sandbox_suite.datasets import raw as raw_versions
from sandbox_suite.datasets.patch_rows import Change
from sandbox_suite.datasets.sources import stored
from sandbox_suite.datasets.store import NAME, Attested, Store
from sandbox_suite.datasets.trail import Asker
from sandbox_suite.datasets.versions import CURRENT


def patch(
    reference: str,
    rows: Path,
    version: str,
    policy: Path,
    settings: Settings,
    by: Asker,
    say: Say,
    clock: Clock,
    author: str = "",
) -> Attested:
    """Store `reference` with the changes of the file `rows` as version `version`; return it attested under `policy`.

    RequestError: no reason, a bad file, a version that is there already. BlockedError: the gate says no; the new
    version is not kept.
    """
    name, old = places.split(reference)
    _refuse(version, old, by)
    changes = patch_rows.read(rows)
    store, new = Store(settings.home / "datasets"), f"{name}@{version}"
    with store.using():
        _store(store, reference, version, changes, settings, by, author or by.actor, say, clock)
        try:
            attested = prepare.prepare(new, policy, settings, say, clock, replace(by, reason=f"patch: {by.reason}"))
        except BlockedError:
            _take_back(store, name, version)
            _record(settings, by, clock, new, "blocked", reference, author, changes)
            raise
    _record(settings, by, clock, new, "ok", reference, author, changes)
    return attested


def _refuse(version: str, old: str, by: Asker) -> None:
    mistakes = []
    if not NAME.fullmatch(version) or version == CURRENT:
        mistakes.append(f"`{version}` cannot name a version: use letters, digits, . _ -")
    if version == old:
        mistakes.append("a patch makes a new version: its name must differ")
    if not by.reason.strip():
        mistakes.append("a patch has a reason")
    if mistakes:
        raise RequestError("\n".join(mistakes), remedy="give --as VERSION and --reason TEXT")


def _store(
    store: Store,
    reference: str,
    version: str,
    changes: list[Change],
    settings: Settings,
    by: Asker,
    author: str,
    say: Say,
    clock: Clock,
) -> None:
    """Store the corrected raw version, unless a run that was cut short has stored the same one."""
    name, _ = places.split(reference)
    key = f"patch-{name}-{version}"
    with store.lock(key), store.work(key) as work:
        parent = raw_versions.keep(places.find(reference, settings), store, work)
        if _there(store, name, version, parent, changes, settings):
            return
        say(f"{reference}: {len(changes)} changes become {name}@{version}")
        (work / "new").mkdir()
        before = stored.load(store.raw(parent))
        tables = patch_tables.apply(before, changes, work / "new")
        told = {
            "parent": parent,
            "of": reference,
            "reason": by.reason,
            "author": author,
            "actor": by.actor,
            "at": iso(clock()),
            "changes": patch_rows.changes_digest(changes),
            **_counts(changes),
        }
        source = digest(canonical([f"{name}@{version}", before.digest(), told["changes"]]))
        manifest = {**before.manifest, "version": version, "source": source, "tables": tables, "patch": told}
        store.point(store.commit(manifest, work / "new", None), "raw", name, version)


def _there(store: Store, name: str, version: str, parent: str, changes: list[Change], settings: Settings) -> bool:
    """Say whether this very patch is stored; RequestError where the name is taken by something else."""
    found = store.pointer("raw", name, version)
    told = store.manifest(found).get("patch", {}) if found and store.raw(found).exists() else {}
    if told.get("parent") == parent and told.get("changes") == patch_rows.changes_digest(changes):
        return True
    if found or f"{name}@{version}" in places.known(settings):
        raise RequestError(f"{name}@{version} is there already", remedy="give the patched version another name (--as)")
    return False


def _counts(changes: list[Change]) -> dict[str, Any]:
    return {"cells": sum(not one.deletes for one in changes), "deleted": sum(one.deletes for one in changes)}


def _take_back(store: Store, name: str, version: str) -> None:
    """Remove the blocked version, unless it was attested before, under another policy."""
    found = store.pointer("raw", name, version)
    if found and store.pointer("attested", name, version) is None:
        store.forget("raw", name, version)
        store.discard(found)
        store.sweep()


def _record(
    settings: Settings,
    by: Asker,
    clock: Clock,
    target: str,
    outcome: str,
    parent: str,
    author: str,
    changes: list[Change],
) -> None:
    details = {"parent": parent, "author": author or by.actor, **_counts(changes)}
    trail.record(settings.home, by, clock, action="dataset.patch", target=target, outcome=outcome, details=details)
