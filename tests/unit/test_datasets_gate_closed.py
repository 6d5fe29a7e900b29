"""The gate fails closed: a check that raises, is left out or told twice, and an attestation that somebody touched."""

import datetime
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets_quarantine import MASTER, NOW, Quarantine, make, small_source

from sandbox_suite.core.clock import iso
from sandbox_suite.datasets import attestation
from sandbox_suite.datasets.gate import codomain, constraints, detector, launch, leaks, run, sample, shape, spans
from sandbox_suite.datasets.gate.verdict import CHECKS, Verdict

Document = dict[str, Any]
VALUE = "anna@mail.example"  # that an error quotes
PLACES = (  # of each check, in their order
    (shape, "policy_covers_schema"),
    (shape, "files"),
    (shape, "rows_and_keys"),
    (shape, "nulls_and_uniqueness"),
    (codomain, "no_identity"),
    (codomain, "codomain"),
    (codomain, "kept_columns"),
    (spans, "recompute"),
    (detector, "detector"),
    (leaks, "own_row"),
    (leaks, "any_row"),
    (leaks, "names"),
    (leaks, "decoded"),
    (sample, "recompute"),
    (constraints, "table_constraints"),
)


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Quarantine:
    folder = tmp_path_factory.mktemp("closed")
    return make(folder, source=small_source(folder, {"customers": 40, "orders": 40, "notes": 40}))


def test_every_check_has_a_place() -> None:
    assert len(PLACES) == len(CHECKS)


@pytest.mark.parametrize(("place", "name"), list(zip(PLACES, CHECKS, strict=True)), ids=CHECKS)
def test_a_check_that_raises_blocks_and_quotes_nothing(
    masked: Quarantine, monkeypatch: pytest.MonkeyPatch, place: tuple[Any, str], name: str
) -> None:
    def broken(*_: object) -> None:
        raise ValueError(VALUE)

    monkeypatch.setattr(*place, broken)
    verdict = masked.judge()
    assert not verdict.passed
    assert verdict.attestation is None
    assert "check-failed" in {item.kind for check in verdict.checks if check.name == name for item in check.findings}
    assert VALUE not in str(verdict.as_dict())


def forged(masked: Quarantine, out: Path, change: Callable[[Document], None], code: int = 0) -> Verdict:
    """Return what is made of a good verdict that was changed on its way."""
    document = json.loads(json.dumps(masked.judge().as_dict()))
    change(document)
    (out / "forged.json").write_text(json.dumps(document))
    there = repr(str(out))
    program = f"import shutil, sys; shutil.copy({there} + '/forged.json', {there} + '/verdict.json'); sys.exit({code})"
    command = (sys.executable, "-c", program)
    return launch.gate(masked.request(), MASTER, masked.signing, out / "verdict.json", command=command)


def body(change: Document) -> Callable[[Document], None]:
    """Edit the attestation's body."""
    return lambda verdict: verdict["attestation"]["body"].update(change)


def resigned(masked: Quarantine, change: Document) -> Callable[[Document], None]:
    """Edit the body and sign it again, as a gate of another time or task would have."""

    def sign(verdict: Document) -> None:
        verdict["attestation"] = attestation.sign(verdict["attestation"]["body"] | change, masked.signing)

    return sign


def test_the_verdict_passes_as_it_was(masked: Quarantine, tmp_path: Path) -> None:
    assert forged(masked, tmp_path, lambda verdict: None).passed


@pytest.mark.parametrize(
    "change",
    [
        body({"expires_at": "2999-01-01T00:00:00Z"}),
        body({"findings": False}),
        body({"cache_key": "d" * 64}),
        body({"more": "words"}),
        lambda verdict: verdict.update(attestation=None),
        lambda verdict: verdict["attestation"].update(signature=""),
        lambda verdict: verdict["attestation"].pop("body"),
        lambda verdict: verdict.update(manifest=None),
        lambda verdict: verdict["manifest"].update(digest=f"sha256:{'0' * 64}"),
        lambda verdict: verdict["manifest"]["tables"].pop("orders"),
    ],
    ids=lambda change: "",
)
def test_an_attestation_or_manifest_that_was_edited_blocks(
    masked: Quarantine, tmp_path: Path, change: Callable[[Document], None]
) -> None:
    verdict = forged(masked, tmp_path, change)
    assert [finding.kind for finding in verdict.findings] == ["gate-unsigned"]
    assert not verdict.passed


def test_an_attestation_that_has_ended_or_is_for_another_task_blocks(masked: Quarantine, tmp_path: Path) -> None:
    ended = iso(NOW - datetime.timedelta(seconds=1))
    fewer = [{"name": name, "seconds": 0} for name in CHECKS[1:]]
    for change in ({"expires_at": ended}, {"cache_key": "d" * 64}, {"checks": fewer}, {"findings": 1}, {"schema": 2}):
        verdict = forged(masked, tmp_path, resigned(masked, change))
        assert [finding.kind for finding in verdict.findings] == ["gate-unsigned"]


@pytest.mark.parametrize(
    "change",
    [
        lambda checks: checks[:-1],
        lambda checks: [],
        lambda checks: [*checks, checks[0]],
        lambda checks: list(reversed(checks)),
        lambda checks: [*checks[:-1], {**checks[-1], "name": "something else"}],
    ],
    ids=["one left out", "none", "one twice", "another order", "another name"],
)
def test_checks_that_are_not_exactly_the_known_ones_block(
    masked: Quarantine, tmp_path: Path, change: Callable[[list[Document]], list[Document]]
) -> None:
    verdict = forged(masked, tmp_path, lambda document: document.update(checks=change(document["checks"])))
    assert [finding.kind for finding in verdict.findings] == ["gate-skipped"]


def test_a_good_verdict_of_a_process_that_says_blocked_blocks(masked: Quarantine, tmp_path: Path) -> None:
    assert not forged(masked, tmp_path, lambda verdict: None, code=3).passed


@pytest.mark.parametrize("missing", ["raw/manifest.json", "quarantine/quarantine.json", "raw/tables/notes.parquet"])
def test_what_the_gate_cannot_read_blocks(masked: Quarantine, tmp_path: Path, missing: str) -> None:
    spoiled = masked.copy(tmp_path)
    (tmp_path / missing).unlink()
    verdict = launch.gate(spoiled.request(), MASTER, spoiled.signing, tmp_path / "verdict.json")
    assert not verdict.passed
    assert [finding.kind for finding in verdict.findings] == ["gate-ended"]


def test_a_signing_key_that_is_none_blocks(masked: Quarantine, tmp_path: Path) -> None:
    assert not launch.gate(masked.request(), MASTER, b"no key", tmp_path / "verdict.json").passed


def test_every_kind_that_an_exception_may_accept_is_one_that_a_scan_gives() -> None:
    shapes = {item.kind for item in (*detector.SHAPES, *detector.FREE_SHAPES, detector.LONG_NUMBER)}
    assert shapes | {"name", "original", "encoded"} == run.ACCEPTABLE
