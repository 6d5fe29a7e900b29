"""Runs every check, slice by slice where rows tell it, and signs the manifest where none found anything."""

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pyarrow.parquet as pq

from sandbox_suite.core.clock import iso
from sandbox_suite.core.files import canonical, digest, file_digest
from sandbox_suite.datasets import attestation, policy, proof
from sandbox_suite.datasets.gate import detector, hands, looking, whole
from sandbox_suite.datasets.gate.constraints import warm
from sandbox_suite.datasets.gate.looking import Looked
from sandbox_suite.datasets.gate.slices import Dataset, Slice
from sandbox_suite.datasets.gate.surfaces import Originals
from sandbox_suite.datasets.gate.verdict import (
    ACCEPTABLE,
    CHECKS,
    EVIDENCE,
    CheckOutcome,
    Evidence,
    GateFinding,
    Request,
    Verdict,
)


def run(request: Request, master: bytes, signing: bytes, processes: int = 1) -> Verdict:
    """Return the verdict. More processes than this one are only for one that is no more than one thread."""
    dataset = Dataset(request.raw, request.quarantine, policy.load(request.policy), master, request.seed)
    looked = list(_looked(dataset, processes))
    exceptions = dataset.policy.exceptions(request.now.date())
    accepted = {(item.column, item.finding) for item in exceptions}
    taken: set[tuple[str, str]] = set()
    checks = tuple(_outcome(name, looked, accepted, taken) for name in CHECKS)
    used = [item for item in exceptions if (item.column, item.finding) in taken]
    shown = tuple(item.model_dump(mode="json") for item in used)
    rows = sum(masked for _, masked in dataset.heights.values())
    verdict = Verdict(checks, request.seed, rows, exceptions=shown)
    if verdict.findings:
        return verdict
    manifest = _manifest(dataset, looked)
    until = [item.until for item in used]
    signed = attestation.sign(_body(dataset, request, verdict, manifest, until), signing)
    return Verdict(checks, request.seed, rows, manifest, signed, shown)


def _looked(dataset: Dataset, processes: int) -> Iterator[Looked]:
    """Give what is told of the whole, then of each slice in order, then of whole tables."""
    slices = dataset.slices()
    tracing = hands.share(lambda part: looking.trace(dataset, part), slices, processes, warm)
    traces = [one.traces for one in tracing if one.traces is not None]
    known = Originals(traces) if len(traces) == len(slices) else None
    for one in tracing:
        one.traces = None
    yield from tracing

    def work(part: Slice | None) -> Looked:
        return looking.look(dataset, part, known) if part else looking.head(dataset)

    found = hands.share(work, [None, *slices], processes)
    yield from found
    yield from hands.share(lambda one: one(), _together(dataset, found[1:]), processes)


def _together(dataset: Dataset, found: Sequence[Looked]) -> list[Callable[[], Looked]]:
    """Return what looks at whole tables, by what slices told."""
    seen = [one.seen for one in found if one.seen is not None]
    aims = {
        (name, column): aim
        for name in dataset.heights
        for column, aim in dataset.raw_manifest["tables"][name]["foreign_keys"].items()
    }

    def look(name: str, check: Callable[[], Iterable[GateFinding | whole.Fault]]) -> Callable[[], Looked]:
        def told() -> Iterator[GateFinding]:
            return (_finding(dataset, one) if isinstance(one, whole.Fault) else one for one in check())

        def done() -> Looked:
            looked = Looked()
            looked.check(name, told)
            return looked

        return done

    places = dict.fromkeys(place for one in seen for place in one.pairs)
    return [
        look("rows and keys", lambda: whole.duplicates(seen)),
        look("rows and keys", lambda: whole.lost(seen, aims)),
        *(look("nulls and uniqueness", partial(whole.not_one_to_one, seen, place)) for place in places),
        look("spans recomputed", lambda: _unlogged(dataset, found)),
        *(look(name, partial(detector.settled, _doubts(found, name))) for name in ("detector", "decoded text")),
        *(partial(_digest, dataset, found, name) for name in dataset.heights),
    ]


def _doubts(found: Sequence[Looked], check: str) -> list[detector.Doubt]:
    return [item for one in found for item in one.found.get(check, ()) if isinstance(item, detector.Doubt)]


def _digest(dataset: Dataset, found: Sequence[Looked], name: str) -> Looked:
    """Return the digest of a table's rows, where every slice of it may be signed."""
    parts = [one.lines for part, one in zip(dataset.slices(), found, strict=True) if part.table == name]
    lines = [part for part in parts if part is not None]
    complete = len(lines) == len(parts) and sum(map(len, lines)) == 32 * dataset.heights[name][1]
    return Looked(digests={name: proof.digest_of_lines(b"".join(lines))} if complete else {})


def _unlogged(dataset: Dataset, found: Sequence[Looked]) -> Iterator[GateFinding]:
    """Every logged span belongs to a row of one slice."""
    for name in dataset.heights:
        for column, path in dataset.logs(name).items():
            belonging = sum(one.logged.get((name, column), 0) for one in found)
            if belonging != pq.read_metadata(path).num_rows:
                yield GateFinding("span", f"{name}.{column}", "free_text", "the span log names rows that are not there")


def _finding(dataset: Dataset, fault: whole.Fault) -> GateFinding:
    """Return the finding on rows of a whole table, with the evidence of the first ones."""
    names = dataset.raw_manifest["tables"][fault.table]["primary_key"]
    column = fault.column or names[0]
    bare = GateFinding(fault.kind, f"{fault.table}.{column}", "", fault.message, max(len(fault.rows), 1))
    raw, masked = dataset.heights[fault.table]
    evidence: list[Evidence] = []
    for row in fault.rows[:EVIDENCE].tolist() if raw == masked else ():
        case = dataset.case(Slice(fault.table, row, 1))
        if column not in case.tables[fault.table].raw.columns:
            return bare  # a part of composed values
        one = case.finding(fault.kind, case.tables[fault.table], column, fault.message, [0], fault.side)
        bare = replace(bare, rule=one.rule)
        evidence += one.evidence
    return replace(bare, evidence=tuple(evidence))


def _outcome(
    name: str, looked: Sequence[Looked], accepted: set[tuple[str, str]], taken: set[tuple[str, str]]
) -> CheckOutcome:
    told = [one for one in looked if name in one.found]
    if not told:
        raise ValueError("a check did not run")
    found = merged(item for one in told for item in one.found[name] if isinstance(item, GateFinding))
    kept = tuple(item for item in found if item.kind not in ACCEPTABLE or (item.column, item.kind) not in accepted)
    taken.update((item.column, item.kind) for item in found if item not in kept)
    return CheckOutcome(name, round(sum(one.seconds[name] for one in told), 4), kept, len(found) - len(kept))


def merged(findings: Iterable[GateFinding]) -> list[GateFinding]:
    """Return findings of several slices as those of the whole."""
    found: dict[tuple[str, str, str, str], GateFinding] = {}
    for item in findings:
        key = (item.kind, item.column, item.rule, item.message)
        if key in found and item.evidence:
            before = found[key]
            evidence = (*before.evidence, *item.evidence)[:EVIDENCE]
            found[key] = replace(before, count=before.count + item.count, evidence=evidence)
        found.setdefault(key, item)
    return list(found.values())


def _manifest(dataset: Dataset, looked: Sequence[Looked]) -> dict[str, Any]:
    """Return what is signed: the claims that were checked, with the digests that this process computed itself."""
    digests = {name: told for one in looked for name, told in one.digests.items()}
    tables = {}
    for name in dataset.claimed["tables"]:
        path = dataset.quarantine / "tables" / f"{name}.parquet"
        described = looking.described(dataset, name) | {"file_digest": file_digest(path)}
        tables[name] = {**described, "content_digest": digests[name]}
    head = {key: dataset.claimed[key] for key in ("name", "version", "policy", "kernel", "key_fingerprint")}
    content_digest = proof.dataset_digest({name: table["content_digest"] for name, table in tables.items()})
    return {"schema": 1, **head, "digest": content_digest, "tables": tables}


def _body(
    dataset: Dataset, request: Request, verdict: Verdict, manifest: Mapping[str, Any], until: list[datetime.date]
) -> dict[str, Any]:
    return {
        "schema": attestation.SCHEMA,
        "name": manifest["name"],
        "version": manifest["version"],
        "manifest": digest(canonical(manifest)),
        "digest": manifest["digest"],
        "cache_key": request.cache_key,
        "policy": dataset.policy.digest,
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
