"""What is stored, for people: the versions that can be asked for, and one of them in full."""

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import read_json
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import attestation, places
from sandbox_suite.datasets import raw as raw_versions
from sandbox_suite.datasets.attestation import NotAttestedError
from sandbox_suite.datasets.store import Attested, Store


def rows(settings: Settings, now: datetime.datetime) -> list[dict[str, Any]]:
    """Return every known version: `state` known (described, nothing stored), raw, attested, or not attested any more.

    `current` says whether the version owns the dataset's current pointer; `current_version` names the one that does.
    """
    store, described = Store(settings.home / "datasets"), places.described(settings)
    attested = {f"{name}@{version}": digest for name, version, digest in store.names()}
    raw = places.stored(settings)
    return [
        _row(store, reference, raw.get(reference), attested.get(reference), settings, now)
        for reference in sorted({*described, *raw, *attested})
    ]


def show(reference: str, settings: Settings, now: datetime.datetime) -> dict[str, Any]:
    """Return one version in full: the attested one, else the raw one; RequestError where neither is stored."""
    store = Store(settings.home / "datasets")
    name, version = places.split(reference)
    raw = places.stored(settings).get(reference)
    found = store.attested(name, version, attestation.signing_key(settings.home), now)
    if found is None and raw is None:
        known = ", ".join(sorted({*places.stored(settings), *(f"{n}@{v}" for n, v, _ in store.names())})) or "none"
        raise RequestError(
            f"`{reference}` has no stored version; stored: {known}",
            remedy="`./invoke dataset.import` stores a raw one; a job, or `./invoke dataset.check`, prepares it",
        )
    if found is None:
        return _raw(reference, raw)
    manifest = found.manifest
    return {
        "dataset": reference,
        "state": "attested",
        "digest": found.digest,
        "version": found.folder.name,
        "attested_at": found.at,
        "rows": found.rows,
        "policy": f"{manifest['policy']['name']} {manifest['policy']['version']} {manifest['policy']['digest']}",
        "kernel": manifest["kernel"],
        "key": manifest["key_fingerprint"],
        "folder": str(found.folder),
        "tables": _commented(manifest["tables"], raw),
    }


def _raw(reference: str, folder: Path | None) -> dict[str, Any]:
    if folder is None:
        raise TypeError("a raw version has a folder")
    manifest = read_json(folder / "manifest.json")
    return {
        "dataset": reference,
        "state": "raw",
        "digest": manifest["source"],
        "version": folder.name,
        "rows": sum(table["rows"] for table in manifest["tables"].values()),
        "folder": str(folder),
        **_origin(folder),
        "tables": manifest["tables"],
    }


def _origin(folder: Path) -> dict[str, str]:
    """Return where an imported version came from, when, and who brought it; nothing for a described one."""
    try:
        origin = read_json(folder / raw_versions.ORIGIN)
    except FileNotFoundError:
        return {}
    return {"imported_from": origin["from"], "imported_at": origin["at"], "imported_by": origin["by"]}


def _commented(tables: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    """Return attested tables with what only the raw version says: comments, and which keys were discovered."""
    raw = read_json(folder / "manifest.json")["tables"] if folder else {}
    return {
        name: {
            **table,
            "comment": raw.get(name, {}).get("comment", ""),
            "discovered": raw.get(name, {}).get("discovered", []),
            "columns": {
                column: {**spec, "comment": raw.get(name, {}).get("columns", {}).get(column, {}).get("comment", "")}
                for column, spec in table["columns"].items()
            },
        }
        for name, table in tables.items()
    }


def _row(
    store: Store,
    reference: str,
    raw: Path | None,
    attested: str | None,
    settings: Settings,
    now: datetime.datetime,
) -> dict[str, Any]:
    current = store.pointer("current", reference.partition("@")[0])
    row: dict[str, Any] = {
        "reference": reference,
        "state": "known",
        "current": current is not None and current == attested,
        "current_version": store.manifest(current)["version"] if current else "",
        "rows": 0,
        "digest": "",
        "at": "",
    }
    if raw is not None:
        manifest = read_json(raw / "manifest.json")
        rows, origin = sum(table["rows"] for table in manifest["tables"].values()), _origin(raw)
        row |= {"state": "raw", "rows": rows, "digest": manifest["source"], **origin}
    if attested is None:
        return row
    try:
        found: Attested = store.open(attested, attestation.signing_key(settings.home), now)
    except NotAttestedError:
        return {**row, "state": "not attested any more"}
    return {**row, "state": "attested", "rows": found.rows, "digest": found.digest, "at": found.at}
