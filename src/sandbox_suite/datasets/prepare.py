"""prepare: the attested version of a dataset under a policy; made once, then found by what it follows from.

raw (stored under its digest) -> mask into a quarantine -> gate, in a process of its own -> attested, current.
Whatever goes wrong on the way deletes the quarantine, and the version that was current stays.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox_suite.core.clock import Clock
from sandbox_suite.core.errors import BlockedError, RequestError
from sandbox_suite.core.files import canonical, write_atomic
from sandbox_suite.core.findings import Finding, errors
from sandbox_suite.core.progress import Say
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import attestation, failure, places, trail, versions
from sandbox_suite.datasets import raw as raw_versions
from sandbox_suite.datasets.attestation import NotAttestedError
from sandbox_suite.datasets.store import Attested, Store
from sandbox_suite.datasets.trail import Asker
from sandbox_suite.telemetry import counters

if TYPE_CHECKING:
    from sandbox_suite.datasets.gate.verdict import Verdict
    from sandbox_suite.datasets.policy import Policy
    from sandbox_suite.datasets.sources import Source

KEY_BYTES = 32

__all__ = ["Attested", "Examined", "examine", "look", "prepare"]


@dataclass(frozen=True)
class _Wanted:
    """A dataset under a policy, and all that its masked content follows from."""

    source: "Source"
    policy: "Policy"
    policy_file: Path
    settings: Settings
    by: Asker
    current: bool = True  # whether a new version becomes current

    @property
    def home(self) -> Path:
        return self.settings.home

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


@dataclass(frozen=True)
class Examined:
    """What mask and gate said of a version that nobody kept; `report` is the validation report."""

    findings: list[Finding]
    verdict: "Verdict | None"  # None: it did not come to the gate
    report: dict[str, Any]


def prepare(
    reference: str,
    policy: Path,
    settings: Settings,
    say: Say,
    clock: Clock,
    by: Asker | None = None,
    current: bool = True,
) -> Attested:
    """Return the attested version of `reference` under `policy`, made where it is missing; two at once make one.

    A new one becomes current, unless `current` is False. Who means to read its files takes `Store.using` around all.
    RequestError: unknown dataset, bad policy. BlockedError: the gate or the mask says no; a failure report is
    exported, the data owners are told, and the audit log says that `by` (else who runs this) tried it.
    """
    wanted = replace(_wanted(reference, policy, settings), by=by or trail.asker(settings), current=current)
    with wanted.store.using():
        found = _cached(wanted, say, clock)
        if found:
            return found
        with wanted.store.lock(wanted.cache_key):
            return _cached(wanted, say, clock) or _make(wanted, say, clock)


def examine(reference: str, policy: Path, settings: Settings, say: Say, clock: Clock) -> Examined:
    """Mask `reference` and let the gate look, without keeping anything: what `prepare` would come to, and why."""
    wanted = _wanted(reference, policy, settings)
    store = wanted.store
    with store.using(), store.lock(wanted.cache_key), store.work(wanted.cache_key) as work:
        findings, verdict = _attempt(wanted, work, say, clock)
    return Examined(findings, verdict, _report(wanted, findings, verdict, clock))


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
    return _Wanted(places.find(reference, settings), policies.load(policy), policy, settings, trail.asker(settings))


def _cached(wanted: _Wanted, say: Say, clock: Clock) -> Attested | None:
    version = wanted.store.pointer("cache", wanted.cache_key)
    if version is None:
        return None
    try:
        found = wanted.store.open(version, wanted.signing, clock())
    except NotAttestedError as error:
        say(f"{wanted.reference} is prepared again: {error.explanation.what}")
        return None
    _name(wanted, found, clock)
    return found


def _make(wanted: _Wanted, say: Say, clock: Clock) -> Attested:
    store = wanted.store
    for left in store.sweep():
        say(f"removed what a killed run left: {left[:16]}")
    with store.work(wanted.cache_key) as work:
        findings, verdict = _attempt(wanted, work, say, clock)
        version = store.commit(*_signed(verdict, work)) if verdict and not findings else ""
    if findings or verdict is None:  # by now the quarantine is gone
        raise _blocked(wanted, findings, verdict, say, clock)
    _keep(wanted, store.raw(version), findings, verdict, say, clock)
    made = store.open(version, wanted.signing, clock())
    _publish(wanted, made, clock)
    say(f"{wanted.reference}: attested, {verdict.rows} rows")
    return made


def _attempt(wanted: _Wanted, work: Path, say: Say, clock: Clock) -> "tuple[list[Finding], Verdict | None]":
    """Look, mask and judge; return what blocks, and what the gate said where it came to that."""
    try:
        denied = _denied(wanted, clock)
        if denied:
            return denied, None
        verdict = _masked_and_judged(wanted, work, say, clock)
    except (RequestError, OSError):
        raise  # a bad source or a full disk: nobody's values are the matter
    except Exception as error:
        return failure.stopped(wanted.reference, error), None
    if verdict.passed:
        return [], verdict
    silent = Finding("error", "the gate did not sign, and did not say why", wanted.reference, "gate-unsigned")
    return [finding.as_finding() for finding in verdict.findings] or [silent], verdict


def _report(wanted: _Wanted, findings: list[Finding], verdict: "Verdict | None", clock: Clock) -> dict[str, Any]:
    from sandbox_suite.datasets import validation_report
    from sandbox_suite.datasets.keys import Keys

    fingerprint = Keys(wanted.master).fingerprint
    columns = raw_versions.columns(wanted.source, wanted.home / "datasets")
    subject = validation_report.Subject(
        wanted.reference, wanted.policy, wanted.source_digest, _kernel(), fingerprint, columns
    )
    return validation_report.document(subject, findings, verdict, clock())


def _keep(
    wanted: _Wanted, folder: Path, findings: list[Finding], verdict: "Verdict | None", say: Say, clock: Clock
) -> None:
    """Keep the validation report in `folder`. A report that cannot be written changes nothing of what was decided."""
    from sandbox_suite.datasets import validation_report

    try:
        validation_report.keep(folder, _report(wanted, findings, verdict, clock))
    except Exception as error:
        say(f"the validation report could not be written: {type(error).__name__}{failure.place(error)}")


def _signed(verdict: "Verdict", work: Path) -> "tuple[Mapping[str, Any], Path, Mapping[str, Any] | None]":
    if verdict.manifest is None:
        raise NotAttestedError("the gate signed nothing")
    return verdict.manifest, work / "quarantine" / "tables", verdict.attestation


def _publish(wanted: _Wanted, made: Attested, clock: Clock) -> None:
    """Let a new version be found, by its name and by what it follows from, and record it."""
    version = made.folder.name
    _name(wanted, made, clock)
    wanted.store.point(version, "cache", wanted.cache_key)
    details = {"version": version, "digest": made.digest, "policy": dict(made.manifest["policy"])}
    trail.record(
        wanted.home, wanted.by, clock, action="dataset.mask", target=wanted.reference, outcome="ok", details=details
    )


def _name(wanted: _Wanted, attested: Attested, clock: Clock) -> None:
    """Let a version be found by its name, and become current if it never was, unless it is only handed out."""
    if not wanted.current:
        return
    wanted.store.point(attested.folder.name, "attested", attested.name, attested.version)
    versions.advance(wanted.store, attested, wanted.by, clock())
    # The counter of blocks appears at 0, so that an alert sees its first rise.
    labels = failure.labels(wanted.reference, wanted.policy.name)
    counters.add(wanted.home, "sandbox_masking_blocked_total", labels, by=0)


def _denied(wanted: _Wanted, clock: Clock) -> list[Finding]:
    """Return what blocks a dataset before any row is masked: unlabelled columns, kept ones that look sensitive."""
    from sandbox_suite.datasets import detection

    uncovered = errors(wanted.policy.covers(raw_versions.columns(wanted.source, wanted.home / "datasets")))
    return uncovered or errors(detection.veto(wanted.source, wanted.policy, clock().date()))


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


def _blocked(
    wanted: _Wanted, findings: list[Finding], verdict: "Verdict | None", say: Say, clock: Clock
) -> BlockedError:
    shown = verdict.as_dict() if verdict else {"checks": [], "seed": None}
    policy = wanted.policy
    facts = failure.Failure(
        wanted.reference,
        {"name": policy.name, "version": policy.version, "digest": policy.digest},
        policy.document.owners,
        findings,
        _current(wanted),
        shown["checks"],
        shown["seed"],
    )
    error = failure.block(facts, wanted.by, wanted.settings, say, clock)
    if error.report:
        _keep(wanted, error.report.with_suffix(""), findings, verdict, say, clock)
    return error


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
