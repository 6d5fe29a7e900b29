"""A manual correction: a new version with its history, or every mistake at once and nothing stored."""

import datetime
from pathlib import Path

import polars as pl
import pytest
import yaml
from datasets_quarantine import NOW

from sandbox_suite.audit import log
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import file_digest
from sandbox_suite.core.progress import silent
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import patch_rows, patching, prepare, trail, versions
from sandbox_suite.datasets.failure import DatasetBlockedError
from sandbox_suite.datasets.gate import launch, run
from sandbox_suite.datasets.gate.verdict import Request, Verdict
from sandbox_suite.datasets.store import Attested, Store
from sandbox_suite.datasets.trail import Asker

BY = Asker("anna", "the desk's complaint 12")
HEAD = "table,key,column,value,delete\n"
POLICY = """
policy: people-qa
version: 1
key: {ref: "secret://sandbox/mask", id: k1}
default: deny
domains: {email: {mode: tagged}, date: {mode: realistic}}
tables:
  people:
    rows: {min: 1, max_drop: 0}
    columns:
      id: {keep: {type: int64, pk: true, why: surrogate}}
      email: {mask: email}
      born: {mask: date, person: id}
      status: {keep: {enum: [active, closed], why: no person data}}
      score: {keep: {range: [0, 100], why: a figure}}
  seats:
    rows: {min: 1, max_drop: 0}
    columns:
      row: {keep: {type: int64, pk: true, why: surrogate}}
      seat: {keep: {type: int64, pk: true, why: surrogate}}
      person: {keep: {type: int64, fk: true, why: surrogate}}
      since: {keep: {range: [2020-01-01, 2030-01-01], why: a time}}
      taken: {keep: {type: bool, why: yes or no}}
"""


def clock() -> datetime.datetime:
    return NOW


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    folder = tmp_path / "sources" / "people"
    folder.mkdir(parents=True)
    people = "".join(f"{n},p{n}@corp.invalid,19{60 + n}-01-02,active,{n}.5\n" for n in range(1, 21))
    (folder / "people.csv").write_text("id,email,born,status,score\n" + people)
    seats = "".join(f"{n},1,{n},2024-05-0{n}T10:00:00,true\n" for n in range(1, 6))
    (folder / "seats.csv").write_text("row,seat,person,since,taken\n" + seats)
    source = {
        "dataset": "people",
        "version": "1",
        "files": {"people": "people.csv", "seats": "seats.csv"},
        "tables": {
            "people": {"primary_key": ["id"], "columns": {"born": "date", "score": "float64"}},
            "seats": {
                "primary_key": ["row", "seat"],
                "foreign_keys": {"person": "people.id"},
                "columns": {"since": "timestamp", "taken": "bool"},
            },
        },
    }
    (folder / "dataset.yaml").write_text(yaml.safe_dump(source))
    (tmp_path / "policy.yaml").write_text(POLICY)
    monkeypatch.setenv("SANDBOX_DATASETS", str(tmp_path / "sources"))

    def judge(asked: Request, master: bytes, signing: bytes, out: Path) -> Verdict:
        return run.run(asked, master, signing)  # its process has tests of its own

    monkeypatch.setattr(launch, "gate", judge)
    return Settings(home=tmp_path / "home", cache=tmp_path, runtime=tmp_path, config=tmp_path)


def policy(place: Settings) -> Path:
    return place.config / "policy.yaml"


def write(place: Settings, text: str, name: str = "rows.csv") -> Path:
    (place.config / name).write_text(text)
    return place.config / name


def patch(place: Settings, text: str, version: str = "1b", name: str = "rows.csv", author: str = "") -> Attested:
    rows = write(place, text, name)
    return patching.patch("people@1", rows, version, policy(place), place, BY, silent, clock, author)


def raw(place: Settings, version: str, table: str = "people") -> pl.DataFrame:
    store = Store(place.home / "datasets")
    digest = store.pointer("raw", "people", version)
    assert digest
    return pl.read_parquet(store.raw(digest) / "tables" / f"{table}.parquet")


def test_cells_change_and_rows_go_and_the_rest_is_as_it_was(place: Settings) -> None:
    made = patch(place, HEAD + "people,7,email,new@corp.invalid,\npeople,8,status,closed,\npeople,20,,,yes\n")
    before, after = raw(place, "1"), raw(place, "1b")
    wanted = before.with_columns(
        email=pl.when(pl.col("id") == 7).then(pl.lit("new@corp.invalid")).otherwise("email"),
        status=pl.when(pl.col("id") == 8).then(pl.lit("closed")).otherwise("status"),
    ).filter(pl.col("id") != 20)
    assert after.equals(wanted)
    assert after.schema == before.schema
    assert raw(place, "1b", "seats").equals(raw(place, "1", "seats"))
    assert (made.version, made.rows) == ("1b", 19 + 5)


def test_the_patched_version_is_masked_attested_and_current_and_the_parent_stays(place: Settings) -> None:
    first = prepare.prepare("people@1", policy(place), place, silent, clock)
    files = {path: file_digest(path) for path in first.folder.rglob("*") if path.is_file()}
    made = patch(place, HEAD + "people,7,email,new@corp.invalid,\n")
    assert made.attested
    assert pl.read_parquet(made.table("people"))["email"].str.ends_with("@example.com").all()
    store = Store(place.home / "datasets")
    assert store.pointer("current", "people") == made.folder.name
    assert {path: file_digest(path) for path in files} == files
    assert versions.rollback(place, "people", "", BY, clock).version == first.folder.name


def test_the_manifest_names_parent_reason_and_author(place: Settings) -> None:
    patch(place, HEAD + "people,7,email,new@corp.invalid,\npeople,20,,,yes\n", author="carla")
    store = Store(place.home / "datasets")
    told = store.manifest(store.pointer("raw", "people", "1b") or "")["patch"]
    assert told["parent"] == store.pointer("raw", "people", "1")
    assert (told["of"], told["author"], told["actor"], told["reason"]) == ("people@1", "carla", "anna", BY.reason)
    assert (told["at"], told["cells"], told["deleted"]) == ("2025-06-01T12:00:00.000Z", 1, 1)
    record = log.read(trail.path(place.home))[-1]
    assert (record.action, record.target, record.outcome) == ("dataset.patch", "people@1b", "ok")
    assert (record.actor, record.reason, record.details["author"]) == ("anna", BY.reason, "carla")
    assert "new@corp" not in trail.path(place.home).read_text()


def test_every_type_is_read_from_csv_and_yaml_alike(place: Settings) -> None:
    patch(
        place,
        HEAD + 'people,2,born,1999-12-31,\npeople,2,score,7.25,\n"seats","[1,1]",since,2025-01-02T03:04:05,\n'
        '"seats","[2,1]",taken,false,\nseats,"[3, 1]",person,9,\npeople,3,email,\\N,\n',
    )
    changes = [
        {"table": "people", "key": 2, "column": "born", "value": datetime.date(1999, 12, 31)},
        {"table": "people", "key": 2, "column": "score", "value": 7.25},
        {"table": "seats", "key": [1, 1], "column": "since", "value": datetime.datetime(2025, 1, 2, 3, 4, 5)},
        {"table": "seats", "key": [2, 1], "column": "taken", "value": False},
        {"table": "seats", "key": [3, 1], "column": "person", "value": 9},
        {"table": "people", "key": 3, "column": "email", "value": None},
    ]
    patch(place, yaml.safe_dump({"changes": changes}), "1c", "rows.yaml")
    for table in ("people", "seats"):
        assert raw(place, "1b", table).equals(raw(place, "1c", table))
    assert raw(place, "1b").filter(pl.col("id") == 2)["born"][0] == datetime.date(1999, 12, 31)
    assert raw(place, "1b", "seats")["since"][0] == datetime.datetime(2025, 1, 2, 3, 4, 5)
    assert raw(place, "1b")["email"][2] is None


def test_an_empty_cell_is_an_empty_text_or_null(place: Settings) -> None:
    patch(place, HEAD + "people,2,born,,\npeople,2,email,,\n")
    row = raw(place, "1b").filter(pl.col("id") == 2)
    assert row["born"][0] is None
    assert row["email"][0] == ""


def test_a_patch_can_be_patched(place: Settings) -> None:
    patch(place, HEAD + "people,7,status,closed,\n")
    rows = write(place, HEAD + "people,8,status,closed,\n")
    patching.patch("people@1b", rows, "1c", policy(place), place, BY, silent, clock)
    assert raw(place, "1c").filter(pl.col("status") == "closed")["id"].to_list() == [7, 8]


def test_the_same_correction_under_two_names_makes_two_versions(place: Settings) -> None:
    one, two = (patch(place, HEAD + "people,7,status,closed,\n", version) for version in ("1b", "1c"))
    assert (one.version, two.version) == ("1b", "1c")
    assert one.digest == two.digest
    assert Store(place.home / "datasets").pointer("current", "people") == two.folder.name


def test_a_correction_that_the_gate_blocks_is_not_kept(place: Settings) -> None:
    first = prepare.prepare("people@1", policy(place), place, silent, clock)
    with pytest.raises(DatasetBlockedError, match=r"people\.status"):
        patch(place, HEAD + "people,7,status,gone,\n")
    store = Store(place.home / "datasets")
    assert store.pointer("raw", "people", "1b") is None
    assert store.pointer("current", "people") == first.folder.name
    assert len(list((store.root / "ver").iterdir())) == 2
    assert log.read(trail.path(place.home))[-1].outcome == "blocked"
    assert patch(place, HEAD + "people,7,status,closed,\n").attested


def test_a_patch_that_was_cut_short_is_finished_by_the_same_again(
    place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = prepare.prepare
    monkeypatch.setattr(prepare, "prepare", lambda *a, **n: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        patch(place, HEAD + "people,7,status,closed,\n")
    monkeypatch.setattr(prepare, "prepare", real)
    with pytest.raises(RequestError, match="there already"):
        patch(place, HEAD + "people,8,status,closed,\n")
    assert patch(place, HEAD + "people,7,status,closed,\n").attested


MISTAKES = {
    "an unknown table": ("persons,1,email,x,", "no table `persons`"),
    "an unknown column": ("people,1,mail,x,", "no column `mail`"),
    "a key that no row has": ("people,99,email,sesame,", "no row"),
    "a key of another type": ("people,one,email,sesame,", "no Int64"),
    "a key with too many parts": ('people,"[1,2]",email,sesame,', "2 parts"),
    "a key with too few parts": ("seats,1,taken,true,", "1 parts"),
    "a primary key": ("people,1,id,21,", "primary key"),
    "a value of another type": ("people,1,born,sesame,", "no Date"),
    "a truth of another type": ('seats,"[1,1]",taken,sesame,', "no Boolean"),
    "a number too large": ("people,1,score,1e999e,", "no Float64"),
    "a row that others refer to": ("people,3,,,yes", "seats.person: 1 rows"),
    "a reference to nowhere": ('seats,"[1,1]",person,77,', "seats.person: 1 rows"),
    "both at once": ("people,1,email,sesame,yes", "either"),
    "neither": ("people,1,,,", "either"),
    "a value for a deleted row": ("people,20,,sesame,yes", "no `value`"),
    "an unknown word": ("people,20,,,perhaps", "yes or empty"),
    "no key": ("people,,email,sesame,", "needed"),
    "too few cells": ("people,1", "2 cells"),
}


@pytest.mark.parametrize(("line", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_names_its_line_and_no_value_and_stores_nothing(place: Settings, line: str, said: str) -> None:
    with pytest.raises(RequestError) as caught:
        patch(place, HEAD + "people,2,status,closed,\n" + line + "\n")
    what = caught.value.explanation.what
    assert said in what
    assert "rows.csv:3" in what or "seats.person" in what
    assert "sesame" not in what
    assert Store(place.home / "datasets").pointer("raw", "people", "1b") is None


def test_every_mistake_is_told_at_once(place: Settings) -> None:
    with pytest.raises(RequestError) as caught:
        patch(place, HEAD + "people,1,mail,x,\npersons,2,a,b,\npeople,3,id,4,\n")
    assert [line.partition(": ")[0] for line in caught.value.explanation.what.splitlines()] == [
        *("rows.csv:2", "rows.csv:3", "rows.csv:4")
    ]


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "people,1,status,closed,\npeople,1,status,active,\n",
        HEAD + "people,19,status,closed,\npeople,19,,,yes\n",
        HEAD,
        "",
        "table,column,value\n",
        "table,key,key\n",
        HEAD + 'people,1,"status,closed\n',
        b"\xff\xfe\x00".decode("latin-1"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(place: Settings, text: str) -> None:
    with pytest.raises(RequestError, match=r"rows\.csv"):
        patch(place, text)


@pytest.mark.parametrize(
    "text",
    [
        "changes: []",
        "changes: [{table: people, key: 1}]",
        "changes: [{table: people, key: 1, column: email}]",
        "changes: [{table: people, key: 1, column: email, value: sesame, delete: true}]",
        "changes: [{table: people, key: {id: 1}, column: email, value: sesame}]",
        "changes: [{table: people, key: 1, column: email, value: [sesame]}]",
        "- sesame",
        "{",
    ],
)
def test_yaml_that_makes_no_sense_is_refused_without_its_values(place: Settings, text: str) -> None:
    with pytest.raises(RequestError, match=r"rows\.yaml:\d") as caught:
        patch(place, text, name="rows.yaml")
    assert "sesame" not in str(caught.value)


def test_a_file_that_is_not_there_or_of_another_kind_is_refused(place: Settings) -> None:
    for name in ("nothing.csv", "nothing.yaml", "rows.xlsx"):
        with pytest.raises(RequestError, match=name):
            patch_rows.read(place.config / name)


@pytest.mark.parametrize("version", ["1", "", "../x", "a b", "current"])
def test_a_version_that_cannot_be_is_refused(place: Settings, version: str) -> None:
    with pytest.raises(RequestError, match="version"):
        patch(place, HEAD + "people,7,status,closed,\n", version)


def test_a_patch_without_a_reason_is_refused(place: Settings) -> None:
    rows = write(place, HEAD + "people,7,status,closed,\n")
    with pytest.raises(RequestError, match="reason"):
        patching.patch("people@1", rows, "1b", policy(place), place, Asker("anna", " "), silent, clock)


def test_a_name_that_is_taken_is_refused(place: Settings) -> None:
    patch(place, HEAD + "people,7,status,closed,\n")
    with pytest.raises(RequestError, match="people@1b is there already"):
        patch(place, HEAD + "people,8,status,closed,\n")


def test_an_unknown_dataset_is_refused(place: Settings) -> None:
    rows = write(place, HEAD + "people,7,status,closed,\n")
    with pytest.raises(RequestError, match="unknown dataset"):
        patching.patch("nobody@1", rows, "2", policy(place), place, BY, silent, clock)
