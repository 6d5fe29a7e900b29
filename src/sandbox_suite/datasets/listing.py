"""What is stored, for people: the versions that can be asked for, and one of them in full."""

import datetime
from typing import Any

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import attestation, places
from sandbox_suite.datasets.attestation import NotAttestedError
from sandbox_suite.datasets.store import Attested, Store


def rows(settings: Settings, now: datetime.datetime) -> list[dict[str, Any]]:
    """Return every known version: where it is found, and its attested content where there is one."""
    store, sources = Store(settings.home / "datasets"), places.known(settings)
    attested = {f"{name}@{version}": digest for name, version, digest in store.names()}
    return [
        _row(store, reference, attested.get(reference), settings, now) for reference in sorted({*sources, *attested})
    ]


def show(reference: str, settings: Settings, now: datetime.datetime) -> dict[str, Any]:
    """Return one attested version in full; RequestError where there is none."""
    store = Store(settings.home / "datasets")
    found = store.attested(*places.split(reference), attestation.signing_key(settings.home), now)
    if found is None:
        known = ", ".join(f"{name}@{version}" for name, version, _ in store.names()) or "none"
        raise RequestError(
            f"`{reference}` has no attested version; attested: {known}",
            remedy="`./invoke dataset.check --name NAME@VERSION` shows what the gate says; a job prepares it",
        )
    manifest = found.manifest
    return {
        "dataset": reference,
        "digest": found.digest,
        "version": found.folder.name,
        "attested_at": found.at,
        "rows": found.rows,
        "policy": f"{manifest['policy']['name']} {manifest['policy']['version']} {manifest['policy']['digest']}",
        "kernel": manifest["kernel"],
        "key": manifest["key_fingerprint"],
        "folder": str(found.folder),
        "tables": manifest["tables"],
    }


def _row(
    store: Store, reference: str, version: str | None, settings: Settings, now: datetime.datetime
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "reference": reference,
        "state": "known",
        "current": False,
        "rows": 0,
        "digest": "",
        "at": "",
    }
    if version is None:
        return row
    current = store.pointer("current", reference.partition("@")[0]) == version
    try:
        found: Attested = store.open(version, attestation.signing_key(settings.home), now)
    except NotAttestedError:
        return {**row, "state": "not attested any more", "current": current}
    return {**row, "state": "attested", "current": current, "rows": found.rows, "digest": found.digest, "at": found.at}
