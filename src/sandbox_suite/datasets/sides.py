"""A stored version, as somebody names it who wants to look into it, and the rules that say what may be seen."""

import datetime
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import digest, file_digest, read_json
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import attestation, places, versions
from sandbox_suite.datasets.attestation import NotAttestedError
from sandbox_suite.datasets.policy import Policy
from sandbox_suite.datasets.store import Store

HEX = re.compile(r"[0-9a-f]{8,64}")

State = Literal["raw", "attested", "expired"]
Rules = Mapping[str, Mapping[str, Any]]  # {table: {column: canonical rule}}


@dataclass(frozen=True)
class Side:
    """A stored version, and the rules that say what of it may be seen."""

    reference: str  # name@version
    state: State  # expired: attested once, so its rules still hold
    version: str  # hex digest of the manifest
    folder: Path
    manifest: Mapping[str, Any]
    rules: Rules

    def table(self, name: str) -> Path:
        """Return the Parquet of one table."""
        return self.folder / "tables" / f"{name}.parquet"

    def as_dict(self) -> dict[str, Any]:
        """Return the version's head as JSON."""
        policy = self.manifest.get("policy")
        return {
            "dataset": self.reference,
            "state": self.state,
            "version": self.version,
            "digest": self.manifest.get("digest", self.manifest.get("source", "")),
            "policy": f"{policy['name']} {policy['version']}" if policy else "",
            "patch": self.manifest.get("patch"),
            "rows": sum(table["rows"] for table in self.manifest["tables"].values()),
        }


def find(text: str, settings: Settings, now: datetime.datetime, policy: Policy | None = None) -> Side:
    """Return the version that `text` names: NAME@VERSION (attested, else raw), `raw:` before it, or a digest's start.

    `policy` says what of raw rows may be seen; without one, the policy that they were last attested under.
    NotAttestedError: manifest, attestation or a file is not as it was stored.
    """
    store = Store(settings.home / "datasets")
    found = _side(store, _version(store, text), attestation.signing_key(settings.home), now, policy)
    for name, table in found.manifest["tables"].items():
        if not found.table(name).exists() or file_digest(found.table(name)) != table["file_digest"]:
            raise NotAttestedError(f"the file of table `{name}` of {found.reference} was changed")
    return found


def _version(store: Store, text: str) -> str:
    if HEX.fullmatch(text):
        return versions.find(store, text)
    kind, _, reference = text.rpartition(":")
    if kind not in ("", "raw", "attested"):
        raise RequestError(f"`{kind}:` is no kind of version", remedy="write raw: or attested: before NAME@VERSION")
    name, number = places.split(reference)
    kinds = (kind,) if kind else ("attested", "raw")
    found = next((version for one in kinds if (version := store.pointer(one, name, number))), None)
    if found is None:
        known = sorted({f"{of}@{which}" for one in kinds for of, which, _ in store.names(one)})
        raise RequestError(
            f"`{text}` is not stored; stored: {', '.join(known) or 'nothing'}",
            remedy="`./invoke dataset.check` stores the raw version, a job the attested one",
        )
    return found


def _side(store: Store, version: str, signing: bytes, now: datetime.datetime, policy: Policy | None) -> Side:
    folder = store.raw(version)
    try:
        content = (folder / "manifest.json").read_bytes()
    except OSError:
        raise RequestError(f"version {version[:12]} is not there", remedy="prepare or import it again") from None
    if digest(content) != f"sha256:{version}":
        raise NotAttestedError(f"the manifest of dataset version {version[:12]} was edited")
    manifest = json.loads(content)
    reference = f"{manifest['name']}@{manifest['version']}"
    if manifest.get("state") == "raw":
        rules = _of_policy(policy) if policy else _last_rules(store, manifest, signing)
        return Side(reference, "raw", version, folder, manifest, rules)
    state = _state(store, version, signing, now)
    return Side(reference, state, version, folder, manifest, _of_manifest(manifest))


def _state(store: Store, version: str, signing: bytes, now: datetime.datetime) -> State:
    """Return whether the gate's word still holds; NotAttestedError where it never was the gate's."""
    try:
        body = read_json(store.raw(version) / "attestation.json")["body"]
        at, end = (datetime.datetime.fromisoformat(body[key]) for key in ("at", "expires_at"))
    except (OSError, KeyError, TypeError, ValueError):
        raise NotAttestedError(f"the attestation of dataset version {version[:12]} is missing or garbled") from None
    store.open(version, signing, at)  # as it was when it was signed: the times are part of what was
    return "attested" if now < end else "expired"


def _last_rules(store: Store, raw: Mapping[str, Any], signing: bytes) -> Rules:
    """Return the rules that raw rows were last attested under; none where they never were."""
    version = store.pointer("attested", raw["name"], raw["version"])
    if version is None:
        return {}
    manifest = store.manifest(version)
    _state(store, version, signing, datetime.datetime.max.replace(tzinfo=datetime.UTC))
    return _of_manifest(manifest)


def _of_manifest(manifest: Mapping[str, Any]) -> Rules:
    return {
        table: {column: facts["rule"] for column, facts in spec["columns"].items()}
        for table, spec in manifest["tables"].items()
    }


def _of_policy(policy: Policy) -> Rules:
    return {
        table: {column: rule.canonical() for column, rule in policy.rules(table).items()}
        for table in policy.document.tables
    }
