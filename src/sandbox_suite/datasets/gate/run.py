"""Runs every check in order, times it, and signs the manifest where none found anything."""

import datetime
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from sandbox_suite.core.clock import iso
from sandbox_suite.core.files import canonical, digest, file_digest
from sandbox_suite.datasets import attestation, policy, proof
from sandbox_suite.datasets.gate import case as cases
from sandbox_suite.datasets.gate import codomain, constraints, detector, leaks, sample, shape, spans, surfaces
from sandbox_suite.datasets.gate.case import Case
from sandbox_suite.datasets.gate.oracle import Oracle
from sandbox_suite.datasets.gate.verdict import CHECKS, CheckOutcome, GateFinding, Request, Verdict

# Kinds of findings that a policy's exception may accept. What proves the masks themselves it may not.
ACCEPTABLE = frozenset(
    {"email", "phone", "card", "iban", "national_id", "ip", "mac", "number", "name", "original", "encoded"}
)
Check = Callable[[], Iterable[GateFinding]]


def run(request: Request, master: bytes, signing: bytes) -> Verdict:
    """Return the verdict."""
    constraints.warm()
    case = cases.load(request.raw, request.quarantine, policy.load(request.policy), master, request.seed)
    exceptions = case.policy.exceptions(request.now.date())
    accepted = {(item.column, item.finding) for item in exceptions}
    taken: set[tuple[str, str]] = set()
    checks = tuple(_timed(name, check, accepted, taken) for name, check in _checks(case).items())
    used = [item for item in exceptions if (item.column, item.finding) in taken]
    shown = tuple(item.model_dump(mode="json") for item in used)
    rows = sum(table.masked.height for table in case.tables.values())
    verdict = Verdict(checks, request.seed, rows, exceptions=shown)
    if verdict.findings:
        return verdict
    manifest = _manifest(case)
    until = [item.until for item in used]
    signed = attestation.sign(_body(case, request, verdict, manifest, until), signing)
    return Verdict(checks, request.seed, rows, manifest, signed, shown)


def _checks(case: Case) -> Mapping[str, Check]:
    """Return every check by name, in order. Later ones use what earlier ones found out, so the order matters."""
    oracle = Oracle(case.master)
    residual: dict[tuple[str, str], pl.Series] = {}
    seen = _Once(lambda: surfaces.surfaces(case, residual))
    originals = _Once(lambda: surfaces.originals(case))
    checks: tuple[Check, ...] = (
        lambda: shape.policy_covers_schema(case),
        lambda: shape.files(case),
        lambda: shape.rows_and_keys(case),
        lambda: shape.nulls_and_uniqueness(case),
        lambda: codomain.no_identity(case),
        lambda: codomain.codomain(case),
        lambda: codomain.kept_columns(case),
        lambda: spans.recompute(case, oracle, residual),
        lambda: detector.detector(case, seen()),
        lambda: leaks.own_row(case, seen()),
        lambda: leaks.any_row(case, seen(), originals()),
        lambda: leaks.names(case, seen(), originals()),
        lambda: leaks.decoded(case, seen(), originals()),
        lambda: sample.recompute(case, oracle, originals()),
        lambda: constraints.table_constraints(case),
    )
    return dict(zip(CHECKS, checks, strict=True))


class _Once:
    """What several checks need: made by the first that asks."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: Any = None

    def __call__(self) -> Any:
        if self._made is None:
            self._made = self._make()
        return self._made


def _timed(name: str, check: Check, accepted: set[tuple[str, str]], taken: set[tuple[str, str]]) -> CheckOutcome:
    start = time.perf_counter()
    try:
        found = list(check())
    except Exception as error:
        # The error's words may quote a value: its type and place say enough.
        found = [GateFinding("check-failed", "gate", "", f"the check ended with {_where(error)}")]
    kept = tuple(item for item in found if item.kind not in ACCEPTABLE or (item.column, item.kind) not in accepted)
    taken.update((item.column, item.kind) for item in found if item not in kept)
    return CheckOutcome(name, round(time.perf_counter() - start, 4), kept, len(found) - len(kept))


def _where(error: Exception) -> str:
    frame = error.__traceback__
    while frame and frame.tb_next:
        frame = frame.tb_next
    place = f" at {Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else ""
    return f"{type(error).__name__}{place}"


def _manifest(case: Case) -> dict[str, Any]:
    """Return what is signed: the claims that were checked, with the digests that this process computed itself."""
    tables = {}
    for name, claimed in case.claimed["tables"].items():
        raw = case.raw_manifest["tables"][name]
        path = case.quarantine / "tables" / f"{name}.parquet"
        described = {
            "rows": case.tables[name].masked.height,
            "primary_key": raw["primary_key"],
            "foreign_keys": raw["foreign_keys"],
            "order": [column for column in raw["order"] if column in claimed["columns"]],
            "columns": claimed["columns"],
            "file_digest": file_digest(path),
        }
        tables[name] = {**described, "content_digest": proof.frame_digest(case.tables[name].masked, described)}
    head = {key: case.claimed[key] for key in ("name", "version", "policy", "kernel", "key_fingerprint")}
    content = proof.dataset_digest({name: table["content_digest"] for name, table in tables.items()})
    return {"schema": 1, **head, "digest": content, "tables": tables}


def _body(
    case: Case, request: Request, verdict: Verdict, manifest: Mapping[str, Any], until: list[datetime.date]
) -> dict[str, Any]:
    return {
        "schema": attestation.SCHEMA,
        "name": manifest["name"],
        "version": manifest["version"],
        "manifest": digest(canonical(manifest)),
        "digest": manifest["digest"],
        "cache_key": request.cache_key,
        "policy": case.policy.digest,
        "kernel": manifest["kernel"],
        "key_fingerprint": manifest["key_fingerprint"],
        "rows": verdict.rows,
        "seed": request.seed,
        "checks": [{"name": check.name, "seconds": check.seconds} for check in verdict.checks],
        "exceptions": list(verdict.exceptions),
        "findings": 0,
        "at": iso(request.now),
        "expires_at": attestation.expiry(request.now, until),
    }
