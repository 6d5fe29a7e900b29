"""prepare: once per content, at most one at a time, and a blocked data set leaves nothing but its report."""

import dataclasses
import datetime
import json
import pickle
import threading
from pathlib import Path

import pytest
import yaml
from datasets_quarantine import NOW, POLICY, small_source

from sandbox_suite.core.errors import BlockedError, RequestError
from sandbox_suite.core.progress import silent
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import listing, masking, prepare, proof
from sandbox_suite.datasets.failure import DatasetBlockedError
from sandbox_suite.datasets.gate import launch, run
from sandbox_suite.datasets.gate.verdict import Request, Verdict
from sandbox_suite.datasets.store import Attested, Store

NAME = "small@2025-01"
FEW = {"customers": 60, "orders": 80, "notes": 60}


def clock() -> datetime.datetime:
    return NOW


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    small_source(tmp_path / "sources", FEW)
    monkeypatch.setenv("SANDBOX_DATASETS", f"{tmp_path / 'nowhere'}:{tmp_path / 'sources'}")
    return Settings(home=tmp_path / "home", cache=tmp_path, runtime=tmp_path, config=tmp_path)


@pytest.fixture(autouse=True)
def gate_in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the gate without its process, which has tests of its own; `whole` in a test's name asks for the process."""
    if "whole" in request.node.name:
        return

    def judge(asked: Request, master: bytes, signing: bytes, out: Path) -> Verdict:
        return run.run(asked, master, signing)

    monkeypatch.setattr(launch, "gate", judge)


@pytest.fixture
def broken_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    """A masker whose e-mail column goes through untouched."""
    real = masking.mask_batch

    def faulty(batch, plan, keys):  # type: ignore[no-untyped-def]
        masked, logs = real(batch, plan, keys)
        if plan.table.name == "customers":
            at = masked.column_names.index("email")
            masked = masked.set_column(at, masked.schema.field(at), batch["email"])
        return masked, logs

    monkeypatch.setattr(masking, "mask_batch", faulty)


def prepared(place: Settings, policy: Path = POLICY, said: list[str] | None = None) -> Attested:
    return prepare.prepare(NAME, policy, place, silent if said is None else said.append, clock)


def left_over(place: Settings) -> list[str]:
    return [path.name for path in (place.home / "datasets" / "tmp").iterdir()]


def test_a_data_set_is_made_once_and_then_found_the_whole_way(place: Settings) -> None:
    said: list[str] = []
    first = prepared(place, said=said)
    assert any("gate" in line for line in said)
    assert (first.name, first.version, first.attested, first.rows) == ("small", "2025-01", True, 200)
    said.clear()
    assert prepared(place, said=said) == first
    assert said == []
    assert left_over(place) == []


def test_the_digest_is_that_of_the_masked_rows(place: Settings) -> None:
    found = prepared(place)
    tables = proof.expected(found)
    assert {name: table["content_digest"] for name, table in found.manifest["tables"].items()} == tables
    assert found.digest == proof.dataset_digest(tables)


def test_two_at_once_make_one(place: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    runs, found = [], []
    real = launch.gate

    def counting(*arguments, **named):  # type: ignore[no-untyped-def]
        runs.append(1)
        return real(*arguments, **named)

    monkeypatch.setattr(launch, "gate", counting)
    threads = [threading.Thread(target=lambda: found.append(prepared(place))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert found[0] == found[1]
    assert len(runs) == 1


def test_another_policy_makes_another_version(place: Settings, tmp_path: Path) -> None:
    rules = yaml.safe_load(POLICY.read_text())
    rules["tables"]["customers"]["columns"]["address"] = {"mask": "constant", "value": "somewhere"}
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(rules))
    first, second = prepared(place), prepared(place, tmp_path / "other.yaml")
    assert first.cache_key != second.cache_key
    assert first.digest != second.digest
    assert first.folder.exists()


def test_a_comment_in_the_policy_makes_no_other_version(place: Settings, tmp_path: Path) -> None:
    (tmp_path / "same.yaml").write_text("# said again\n" + POLICY.read_text())
    assert prepared(place) == prepared(place, tmp_path / "same.yaml")


def test_a_blocked_data_set_leaves_its_report_and_the_version_before(
    place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = prepared(place)
    small_source(place.home.parent / "sources", {**FEW, "orders": 90})
    monkeypatch.setattr(masking, "mask_batch", _identity)
    with pytest.raises(DatasetBlockedError) as caught:
        prepared(place)
    error = caught.value
    assert error.exit_code == 3
    assert "customers.email" in error.explanation.what
    assert f"{NAME} stays current" in error.explanation.left
    assert left_over(place) == []
    store = Store(place.home / "datasets")
    assert store.pointer("current", "small") == before.folder.name
    _report_is_whole(error, before)


def _identity(batch, plan, keys):  # type: ignore[no-untyped-def]
    """Mask nothing at all."""
    return batch, {column: _no_spans() for column, rule in plan.rules.items() if rule.kind == "free_text"}


def _no_spans():  # type: ignore[no-untyped-def]
    import polars as pl

    from sandbox_suite.datasets.masks.free_text import SPAN_SCHEMA

    return pl.DataFrame(
        schema={"note_id": pl.Int64, **{name: kind for name, kind in SPAN_SCHEMA.items() if name != "row"}}
    )


def _report_is_whole(error: DatasetBlockedError, before: Attested) -> None:
    assert error.report is not None
    report = json.loads(error.report.read_text())
    text = error.report.with_suffix(".md").read_text()
    assert report["dataset"] == NAME
    assert len(report["findings"]) == len(error.findings)
    assert {check["name"] for check in report["checks"]} >= {"no identity", "codomain"}
    assert "stays current" in text
    assert "@mail.example" not in text + error.report.read_text()
    assert error.report.stat().st_mode & 0o077 == 0


def test_the_first_blocked_version_leaves_no_version(place: Settings, broken_mask: None) -> None:
    with pytest.raises(BlockedError, match=r"customers\.email"):
        prepared(place)
    assert Store(place.home / "datasets").names() == []
    assert listing.rows(place, NOW)[-1] | {"reference": NAME, "state": "raw"} in listing.rows(place, NOW)


def test_a_masker_that_raises_midway_blocks_without_its_words(place: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = masking.mask_batch, []

    def raising(batch, plan, keys):  # type: ignore[no-untyped-def]
        calls.append(plan.table.name)
        if len(calls) == 2:
            raise RuntimeError("cannot mask anna@mail.example")
        return real(batch, plan, keys)

    monkeypatch.setattr(masking, "mask_batch", raising)
    with pytest.raises(DatasetBlockedError, match="RuntimeError") as caught:
        prepared(place)
    assert "anna" not in str(caught.value)
    assert left_over(place) == []


def test_a_gate_that_does_not_answer_blocks(place: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "gate", lambda *a, **n: launch.blocked("gate-timeout", "the gate had no answer"))
    with pytest.raises(DatasetBlockedError, match="gate had no answer"):
        prepared(place)
    assert Store(place.home / "datasets").names() == []


def test_a_killed_run_is_cleared_by_the_next(place: Settings) -> None:
    abandoned = place.home / "datasets" / "tmp" / "somekey" / "quarantine"
    abandoned.mkdir(parents=True)
    said: list[str] = []
    prepared(place, said=said)
    assert left_over(place) == []
    assert any("somekey" in line for line in said)


@pytest.mark.parametrize("spoil", ["attestation.json", "manifest.json"])
def test_a_spoiled_version_is_made_again(place: Settings, spoil: str) -> None:
    first = prepared(place)
    path = first.folder / spoil
    content = path.read_text().replace("small", "smell")
    path.unlink()
    path.write_text(content)
    said: list[str] = []
    assert prepared(place, said=said).digest == first.digest
    assert any("prepared again" in line for line in said)


def test_an_expired_attestation_is_asked_for_again(place: Settings) -> None:
    first = prepared(place)
    later = NOW + datetime.timedelta(days=100)
    second = prepare.prepare(NAME, POLICY, place, silent, lambda: later)
    assert second.digest == first.digest
    assert second.at > first.at


def test_check_keeps_nothing(place: Settings) -> None:
    examined = prepare.examine(NAME, POLICY, place, silent, clock)
    assert examined.verdict is not None
    assert examined.verdict.passed
    assert examined.report["outcome"] == "passed"
    assert Store(place.home / "datasets").names() == []
    assert left_over(place) == []


def test_the_error_survives_a_process_border() -> None:
    error = DatasetBlockedError("what", left="left", remedy="do")
    error.report = Path("report.json")
    again = pickle.loads(pickle.dumps(error))
    assert (again.explanation, again.report) == (error.explanation, error.report)


# ---- look


def test_a_look_finds_nothing_in_what_is_right_and_writes_nothing(place: Settings) -> None:
    assert prepare.look(NAME, POLICY, place) == []
    assert not place.home.exists()


def test_an_unknown_data_set_is_a_request_error_that_names_the_known(place: Settings) -> None:
    with pytest.raises(RequestError, match=r"small@2025-01"):
        prepare.look("small@2026-01", POLICY, place)
    with pytest.raises(RequestError, match="customer-sample@2025-01"):
        prepare.prepare("nothing@1", POLICY, place, silent, clock)


def test_an_uncovered_column_is_found_before_anything_is_made(place: Settings, tmp_path: Path) -> None:
    rules = yaml.safe_load(POLICY.read_text())
    del rules["tables"]["customers"]["columns"]["phone"]
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(rules))
    (finding,) = prepare.look(NAME, tmp_path / "policy.yaml", place)
    assert finding.place == "customers.phone"
    with pytest.raises(BlockedError, match=r"customers\.phone"):
        prepared(place, tmp_path / "policy.yaml")


def test_every_mistake_of_a_policy_is_found(place: Settings, tmp_path: Path) -> None:
    rules = yaml.safe_load(POLICY.read_text())
    rules["default"] = "allow"
    rules["tables"]["orders"]["columns"]["sku"] = {"keep": {"why": "because"}}
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(rules))
    found = prepare.look(NAME, tmp_path / "policy.yaml", place)
    assert len(found) == 2
    assert {finding.severity for finding in found} == {"error"}


def test_look_knows_the_columns_of_a_stored_raw_version(place: Settings) -> None:
    prepared(place)
    assert prepare.look(NAME, POLICY, place) == []
    assert prepare.look(NAME, POLICY, dataclasses.replace(place, home=place.home.parent / "other")) == []


# ---- listing


def test_what_is_known_and_what_is_attested_is_listed(place: Settings) -> None:
    prepared(place)
    rows = {row["reference"]: row for row in listing.rows(place, NOW)}
    assert rows[NAME]["state"] == "attested"
    assert rows[NAME]["current"]
    assert rows["customer-sample@2025-01"]["state"] == "known"
    assert listing.show(NAME, place, NOW)["rows"] == 200


# ---- other sources


def files(folder: Path) -> tuple[Path, str]:
    """Write a source of CSV files with NULLs, an empty table and a policy for it; return the policy and the name."""
    folder.mkdir(exist_ok=True)
    (folder / "people.csv").write_text(
        "id,email,name,born,card,remark\n"
        "1,a@mail.example,Anna Lange,1980-01-02,4111 1111 1111 1111,\n"
        "2,,,,,Anna Lange called\n"
        "3,c@mail.example,王伟,1990-05-06,,no\n"
    )
    (folder / "visits.csv").write_text("id,person,seen\n")
    (folder / "files.yaml").write_text(
        "dataset: files\nversion: '1'\nfiles: {people: people.csv, visits: visits.csv}\n"
        "tables:\n"
        "  people: {primary_key: [id], columns: {born: date, card: text, remark: text}}\n"
        "  visits: {primary_key: [id], foreign_keys: {person: people.id},"
        " columns: {id: int64, person: int64, seen: timestamp}}\n"
    )
    (folder / "policy").mkdir()
    policy = folder / "policy" / "files-policy.yaml"
    policy.write_text(
        "policy: files\nversion: 1\nkey: {ref: 'secret://sandbox/mask', id: k1}\ndefault: deny\n"
        "domains: {email: {mode: tagged}, name: {mode: realistic}, date: {mode: realistic}, card: {mode: realistic}}\n"
        "tables:\n"
        "  people:\n    columns:\n"
        "      id: {keep: {type: int64, pk: true, why: surrogate}}\n"
        "      email: {mask: email}\n"
        "      name: {mask: name}\n"
        "      born: {mask: date, person: id}\n"
        "      card: {mask: card}\n"
        "      remark: {mask: free_text, names_from: [name]}\n"
        "  visits:\n    columns:\n"
        "      id: {keep: {type: int64, pk: true, why: surrogate}}\n"
        "      person: {keep: {type: int64, fk: true, why: surrogate}}\n"
        "      seen: {keep: {range: [2020-01-01, 2030-01-01], why: a time}}\n"
    )
    return policy, "files@1"


def test_somebody_elses_name_in_a_remark_blocks(place: Settings) -> None:
    policy, name = files(place.home.parent / "sources")
    with pytest.raises(DatasetBlockedError, match="holds a name") as caught:
        prepare.prepare(name, policy, place, silent, clock)
    assert {finding.id for finding in caught.value.findings} == {"gate-name"}  # somebody else's remark names Anna
    assert "Lange" not in str(caught.value)


def test_files_with_nulls_and_an_empty_table_pass(place: Settings) -> None:
    folder = place.home.parent / "sources"
    policy, name = files(folder)
    people = folder / "people.csv"
    people.write_text(people.read_text().replace("Anna Lange called", "called"))
    found = prepare.prepare(name, policy, place, silent, clock)
    assert found.rows == 3
    assert found.manifest["tables"]["visits"]["rows"] == 0
    assert proof.expected(found)["visits"] == found.manifest["tables"]["visits"]["content_digest"]
