"""prepare: the attested version of a dataset under a policy; made once, then found by what it follows from.

raw (stored under its digest) -> mask into a quarantine -> gate, in a process of its own -> attested, current.
Whatever goes wrong on the way deletes the quarantine, and the version that was current stays.
"""

import hashlib
import secrets
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox_suite.core.clock import Clock
from sandbox_suite.core.errors import BlockedError, RequestError, SandboxError
from sandbox_suite.core.files import canonical, write_atomic
from sandbox_suite.core.findings import Finding, errors
from sandbox_suite.core.progress import Say
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import attestation, failure, places
from sandbox_suite.datasets import raw as raw_versions
from sandbox_suite.datasets.attestation import NotAttestedError
from sandbox_suite.datasets.store import Attested, Store

if TYPE_CHECKING:
    from sandbox_suite.datasets.gate.verdict import Verdict
    from sandbox_suite.datasets.policy import Policy
    from sandbox_suite.datasets.sources import Source

KEY_BYTES = 32

__all__ = ["Attested", "check", "look", "prepare"]


@dataclass(frozen=True)
class _Wanted:
    """A dataset under a policy, and all that its masked content follows from."""

    source: "Source"
    policy: "Policy"
    policy_file: Path
    home: Path

    @property
    def reference(self) -> str:
        return f"{self.source.name}@{self.source.version}"

    @cached_property
    def store(self) -> Store:
        return Store(self.home / "datasets")

    @cached_property
    def master(self) -> bytes:
        from sandbox_suite.secrets import references

        return references.ensure(self.policy.key.ref, self.home, lambda: secrets.token_bytes(KEY_BYTES))

    @cached_property
    def signing(self) -> bytes:
        return attestation.signing_key(self.home)

    @cached_property
    def source_digest(self) -> str:
        return raw_versions.source_digest(self.source)

    @cached_property
    def cache_key(self) -> str:
        from sandbox_suite.datasets.keys import Keys

        made_of = [self.source_digest, self.policy.digest, _kernel(), Keys(self.master).fingerprint]
        return hashlib.sha256(canonical(made_of)).hexdigest()


def prepare(reference: str, policy: Path, settings: Settings, say: Say, clock: Clock) -> Attested:
    """Return the attested version of `reference` under `policy`, made where it is missing; two at once make one.

    RequestError: unknown dataset, bad policy. BlockedError: the gate or the mask says no; a failure report is exported.
    """
    wanted = _wanted(reference, policy, settings)
    found = _cached(wanted, say, clock)
    if found:
        return found
    with wanted.store.lock(wanted.cache_key):
        return _cached(wanted, say, clock) or _make(wanted, say, clock)


def check(reference: str, policy: Path, settings: Settings, say: Say, clock: Clock) -> "Verdict":
    """Mask `reference` and let the gate look, without keeping anything: what it says, passed or not."""
    wanted = _wanted(reference, policy, settings)
    with wanted.store.lock(wanted.cache_key), wanted.store.work(wanted.cache_key) as work:
        return _masked_and_judged(wanted, work, say, clock)


def look(reference: str, policy: Path, settings: Settings) -> list[Finding]:
    """Return what would keep `reference` from being prepared, without writing: policy mistakes, uncovered columns.

    An unknown dataset is a RequestError that names the known ones.
    """
    from sandbox_suite.datasets import policy as policies

    source = places.find(reference, settings)
    try:
        return policies.load(policy).covers(raw_versions.columns(source, settings.home / "datasets"))
    except RequestError as error:
        return [Finding("error", line, policy.name, "policy") for line in error.explanation.what.splitlines()]


def _wanted(reference: str, policy: Path, settings: Settings) -> _Wanted:
    from sandbox_suite.datasets import policy as policies

    places.split(reference)
    return _Wanted(places.find(reference, settings), policies.load(policy), policy, settings.home)


def _cached(wanted: _Wanted, say: Say, clock: Clock) -> Attested | None:
    version = wanted.store.pointer("cache", wanted.cache_key)
    if version is None:
        return None
    try:
        found = wanted.store.open(version, wanted.signing, clock())
    except NotAttestedError as error:
        say(f"{wanted.reference} is prepared again: {error.explanation.what}")
        return None
    wanted.store.point(version, "attested", wanted.source.name, wanted.source.version)
    return found


def _make(wanted: _Wanted, say: Say, clock: Clock) -> Attested:
    store = wanted.store
    for left in store.sweep():
        say(f"removed what a killed run left: {left[:16]}")
    denied = _denied(wanted, clock)
    if denied:
        raise _blocked(wanted, denied, None, clock)
    with store.work(wanted.cache_key) as work:
        try:
            verdict = _masked_and_judged(wanted, work, say, clock)
        except (RequestError, OSError):
            raise  # a bad source or a full disk: nobody's values are the matter
        except Exception as error:
            raise _blocked(wanted, _said(wanted, error), None, clock) from error
        if not verdict.passed or verdict.manifest is None:
            findings = [finding.as_finding() for finding in verdict.findings]
            raise _blocked(wanted, findings, verdict, clock)
        version = store.commit(verdict.manifest, work / "quarantine" / "tables", verdict.attestation)
    name, number = wanted.source.name, wanted.source.version
    for path in (("attested", name, number), ("current", name), ("cache", wanted.cache_key)):
        store.point(version, *path)
    say(f"{wanted.reference}: attested, {verdict.rows} rows")
    return store.open(version, wanted.signing, clock())


def _denied(wanted: _Wanted, clock: Clock) -> list[Finding]:
    """Return what blocks a dataset before any row is masked: unlabelled columns, kept ones that look sensitive."""
    from sandbox_suite.datasets import detection

    uncovered = errors(wanted.policy.covers(raw_versions.columns(wanted.source, wanted.home / "datasets")))
    return uncovered or errors(detection.veto(wanted.source, wanted.policy, clock().date()))


def _said(wanted: _Wanted, error: Exception) -> list[Finding]:
    """Return what stopped the mask. The words of an error that is not ours may quote a value, so its type must do."""
    if isinstance(error, SandboxError):
        lines = error.explanation.what.splitlines()
        return [Finding("error", line, wanted.reference, "mask-blocked") for line in lines]
    return [Finding("error", f"the mask ended with {type(error).__name__}", wanted.reference, "mask-failed")]


def _masked_and_judged(wanted: _Wanted, work: Path, say: Say, clock: Clock) -> "Verdict":
    """Mask into `work/quarantine` and return what the gate says of it."""
    from sandbox_suite.datasets import masking
    from sandbox_suite.datasets.gate import launch
    from sandbox_suite.datasets.gate.verdict import Request

    say(f"{wanted.reference}: read and mask")
    raw = wanted.store.raw(raw_versions.keep(wanted.source, wanted.store, work))
    quarantine, policy = work / "quarantine", work / "policy.yaml"
    masking.mask(wanted.source, wanted.policy, wanted.master, quarantine, say)
    write_atomic(policy, wanted.policy_file.read_bytes())  # the gate reads one state of it
    say(f"{wanted.reference}: gate")
    request = Request(raw, quarantine, policy, secrets.randbits(32), clock(), wanted.cache_key)
    return launch.gate(request, wanted.master, wanted.signing, work / "verdict.json")


def _blocked(wanted: _Wanted, findings: list[Finding], verdict: "Verdict | None", clock: Clock) -> BlockedError:
    shown = verdict.as_dict() if verdict else {"checks": [], "seed": None}
    policy = wanted.policy
    facts = {
        "policy": {"name": policy.name, "version": policy.version, "digest": policy.digest},
        "current": _current(wanted),
        "seed": shown["seed"],
        "checks": shown["checks"],
    }
    return failure.blocked(wanted.store.root / "failures", wanted.reference, findings, facts, clock())


def _current(wanted: _Wanted) -> str:
    """Return `name@version` of the version that stays current, or nothing."""
    version = wanted.store.pointer("current", wanted.source.name)
    if version is None:
        return ""
    manifest = wanted.store.manifest(version)
    return f"{manifest['name']}@{manifest['version']}"


def _kernel() -> str:
    """Return the kernel's version without importing it; `masking.kernel` and the gate name the same."""
    from sandbox_suite.datasets import masks, pools

    return f"masks-{masks.VERSION}+pools.{pools.version()}"
