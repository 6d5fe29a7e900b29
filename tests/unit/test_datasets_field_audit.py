"""The field audit: what is stored against all policies; new until an owner acknowledges it, the same when run twice."""

import dataclasses
import datetime
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from sandbox_suite.core.clock import iso
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.progress import silent
from sandbox_suite.core.settings import CHECKOUT, Settings
from sandbox_suite.datasets import field_audit, raw, sources
from sandbox_suite.datasets.example import ids
from sandbox_suite.datasets.store import Store

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
ROWS = 100
POLICY = """policy: shop
version: 1
key: {ref: "secret://sandbox/mask", id: k1}
default: deny
tables:
  people:
    columns:
      id: {keep: {type: int64, pk: true, why: "surrogate key"}}
      mail: {mask: email}
"""
CODE = '      code: {keep: {regex: "[0-9X]{18}", why: "number of an article"}}\n'
EXCEPTION = (
    "exceptions:\n  - {column: people.code, finding: national_id, owner: team, until: 2030-06-01, why: made up}\n"
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(tmp_path / "home", tmp_path / "cache", tmp_path / "runtime", tmp_path / "config")
    (made.config / "masking").mkdir(parents=True)
    (made.config / "masking" / "shop.yaml").write_text(POLICY)
    return made


def stored(settings: Settings, version: str, **columns: list[Any]) -> None:
    folder = settings.home / f"source-{version}"
    folder.mkdir(parents=True)
    mails = [f"u{number}@mail.example" for number in range(ROWS)]
    pl.DataFrame({"id": list(range(ROWS)), "mail": mails, **columns}).write_parquet(folder / "people.parquet")
    (folder / "dataset.yaml").write_text(
        f'dataset: shop\nversion: "{version}"\nfiles: {{people: people.parquet}}\n'
        "tables: {people: {primary_key: [id]}}\n"
    )
    store = Store(settings.home / "datasets")
    with store.work("test") as work:
        raw.keep(sources.load(folder), store, work)


def codes() -> list[str]:
    return ids.national_ids(np.random.default_rng(1), "CN", np.full(ROWS, 7000))


def audited(settings: Settings, now: datetime.datetime = NOW) -> field_audit.Report:
    return field_audit.run(settings, settings.config / field_audit.FILE, now, silent)


def new(settings: Settings, now: datetime.datetime = NOW) -> list[tuple[str, str]]:
    return [(item.finding.place, item.finding.id) for item in audited(settings, now).new]


def acknowledge(settings: Settings, column: str, finding: str, until: str = "2030-02-01") -> None:
    said = {"dataset": "shop", "column": column, "finding": finding, "owner": "data", "until": until, "reason": "seen"}
    (settings.config / field_audit.FILE).write_text(json.dumps({"acknowledged": [said]}))


def test_nothing_stored_has_no_findings_and_makes_no_store(settings: Settings) -> None:
    assert audited(settings).entries == ()
    assert not settings.home.exists()


def test_fields_that_a_policy_masks_are_listed_and_nothing_is_new(settings: Settings) -> None:
    stored(settings, "1")
    report = audited(settings)
    assert report.new == []
    assert [(item["field"], item["kind"], item["rules"]["shop"]) for item in report.fields] == [
        ("people.id", "", "keep"),
        ("people.mail", "email", "mask email"),
    ]


def test_a_new_field_is_named_once_with_the_versions_that_have_it(settings: Settings) -> None:
    for version in ("1", "2"):
        stored(settings, version, tax=codes())
    (entry,) = audited(settings).new
    assert (entry.finding.place, entry.finding.id) == ("people.tax", "field-unlabelled")
    assert entry.versions == ("raw:shop@1", "raw:shop@2")
    assert "looks like national_id" in entry.finding.message


def test_a_kept_field_that_looks_sensitive_is_new_unless_the_policy_excepts_it(settings: Settings) -> None:
    stored(settings, "1", code=codes())
    place = settings.config / "masking" / "shop.yaml"
    place.write_text(POLICY + CODE)
    assert new(settings) == [("people.code", "field-kept-national_id")]
    place.write_text(POLICY + CODE + EXCEPTION)
    assert new(settings) == []
    later = NOW.replace(month=7)
    assert set(new(settings, later)) == {
        ("people.code", "field-kept-national_id"),
        ("people.code", "exception-expired"),
    }


def test_a_mask_of_another_kind_is_named(settings: Settings) -> None:
    place = settings.config / "masking" / "shop.yaml"
    place.write_text(POLICY.replace("mask: email", "mask: name, mode: realistic"))
    stored(settings, "1")
    assert new(settings) == [("people.mail", "field-masked-otherwise-email")]


def test_a_dataset_that_no_policy_is_meant_for_is_named_by_its_sensitive_fields(settings: Settings) -> None:
    (settings.config / "masking" / "shop.yaml").write_text(POLICY.replace("people:", "others:"))
    stored(settings, "1")
    assert new(settings) == [("people.mail", "field-without-policy-email")]


def test_a_broken_policy_and_a_broken_version_are_findings(settings: Settings) -> None:
    stored(settings, "1")
    (settings.config / "masking" / "bad.yaml").write_text("policy: bad\n")
    store = Store(settings.home / "datasets")
    (version,) = [digest for _, _, digest in store.names("raw")]
    manifest = store.raw(version) / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_text("{")
    assert new(settings) == [("bad.yaml", "policy-broken"), ("1", "version-unreadable")]


def test_a_version_that_no_pointer_shows_is_looked_at_too(settings: Settings) -> None:
    stored(settings, "1", tax=codes())
    (settings.home / "datasets" / "ref" / "raw" / "shop" / "1").unlink()
    (entry,) = audited(settings).new
    assert (entry.dataset, entry.versions[0].partition("#")[0]) == ("shop", "raw:shop@1")


def test_what_is_kept_of_a_masked_version_is_looked_at_too(settings: Settings) -> None:
    stored(settings, "1", code=codes())
    store = Store(settings.home / "datasets")
    (raw_version,) = [digest for _, _, digest in store.names("raw")]
    manifest = store.manifest(raw_version)
    columns = {
        name: {**item, "rule": {"mask": "email"} if name == "mail" else {"keep": {}}}
        for name, item in manifest["tables"]["people"]["columns"].items()
    }
    manifest = {**manifest, "state": "", "tables": {"people": {**manifest["tables"]["people"], "columns": columns}}}
    store.commit(manifest, store.raw(raw_version) / "tables", {})
    (settings.config / "masking" / "shop.yaml").write_text(POLICY + CODE)
    (entry,) = audited(settings).new
    assert [name.partition(":")[0] for name in entry.versions] == ["attested", "raw"]


def test_what_an_owner_acknowledged_is_not_new_until_its_last_day_has_passed(settings: Settings) -> None:
    stored(settings, "1", tax=codes())
    acknowledge(settings, "people.tax", "field-unlabelled")
    assert new(settings) == []
    assert [item.acknowledgement.owner for item in audited(settings).acknowledged if item.acknowledgement] == ["data"]
    late = audited(settings, NOW.replace(month=3))
    assert [item.finding.id for item in late.new] == ["field-unlabelled"]
    assert "which has passed" in late.notes[0]


def test_an_acknowledgement_of_nothing_is_a_note(settings: Settings) -> None:
    acknowledge(settings, "people.gone", "field-unlabelled")
    assert audited(settings).notes == ("nothing to acknowledge any more: field-unlabelled of shop people.gone",)


def test_an_acknowledgement_without_owner_is_refused_with_its_line(settings: Settings) -> None:
    file = settings.config / field_audit.FILE
    file.write_text("acknowledged:\n  - {dataset: a, column: b.c, finding: d, until: 2030-01-01, reason: none}\n")
    with pytest.raises(RequestError, match=r"field_audit.yaml:2: acknowledged.0.owner: Field required"):
        audited(settings)


def test_run_twice_it_says_the_same_and_the_second_time_from_what_it_kept(settings: Settings) -> None:
    stored(settings, "1", tax=codes())
    first = audited(settings)
    for folder in (settings.home / "datasets" / "ver").glob("*/tables"):
        (folder / "people.parquet").unlink()
    assert dataclasses.replace(audited(settings, NOW.replace(hour=5)), at=first.at) == first


def test_labels_that_were_kept_broken_are_made_anew(settings: Settings) -> None:
    stored(settings, "1", tax=codes())
    first = audited(settings)
    for path in (settings.cache / "field-labels").iterdir():
        path.write_text('{"people": [1]}')
    assert audited(settings) == first


def test_the_report_is_written_for_machines_and_for_people_without_a_value(settings: Settings) -> None:
    stored(settings, "1", tax=codes())
    machine, page = field_audit.write(audited(settings), settings.home / "report")
    said = json.loads(machine.read_text())
    assert (said["at"], [item["place"] for item in said["new"]]) == (iso(NOW), ["people.tax"])
    text = machine.read_text() + page.read_text()
    assert "field-unlabelled" in page.read_text()
    assert not [code for code in codes() if code in text]


@pytest.fixture
def task(settings: Settings) -> Any:
    """Run a task in a process of its own; returns (code, what it printed, what it said)."""
    names = {"SANDBOX_HOME": settings.home, "SANDBOX_CACHE": settings.cache, "SANDBOX_CONFIG": settings.config}
    environment = {**os.environ, **{name: str(path) for name, path in names.items()}}

    def run(*words: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "sandbox_suite.tasks", *words]
        done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    return run


def test_the_tasks_end_with_3_on_findings_and_print_one_document(settings: Settings, task: Any) -> None:
    stored(settings, "1", tax=codes())
    code, printed, _ = task("dataset.audit-fields", "--json")
    assert (code, json.loads(printed)["new"][0]["place"]) == (3, "people.tax")
    code, printed, _ = task("dataset.policy", "--name", "shop@1", "--check", "--json")
    assert (code, json.loads(printed)["findings"][0]["id"]) == (3, "policy-column-unlabelled")
    code, printed, said = task("dataset.policy", "--name", "shop@1", "--draft", "--out", str(settings.home / "d.yaml"))
    assert (code, printed) == (0, "")
    assert "2 rules proposed, 1 columns denied" in said
    assert task("dataset.policy", "--name", "shop@1", "--draft", "--out", str(settings.home / "d.yaml"))[0] == 2
    assert task("dataset.policy", "--name", "shop@1")[0] == 2
