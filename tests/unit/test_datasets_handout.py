"""An attested version as files: all of it in a new folder, or nothing."""

import datetime
from pathlib import Path

import pytest
from datasets_quarantine import NOW, POLICY, small_source

from sandbox_suite.audit import log
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import canonical, digest, file_digest, read_json
from sandbox_suite.core.progress import silent
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import attestation, handout, masking, prepare, trail
from sandbox_suite.datasets.attestation import NotAttestedError
from sandbox_suite.datasets.failure import DatasetBlockedError
from sandbox_suite.datasets.gate import launch, run
from sandbox_suite.datasets.gate.verdict import Request, Verdict
from sandbox_suite.datasets.store import Attested, Store
from sandbox_suite.datasets.trail import Asker

NAME = "small@2025-01"
BY = Asker("anna", "for the analysts")


def clock() -> datetime.datetime:
    return NOW


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    small_source(tmp_path / "sources", {"customers": 40, "orders": 40, "notes": 40})
    monkeypatch.setenv("SANDBOX_DATASETS", str(tmp_path / "sources"))

    def judge(asked: Request, master: bytes, signing: bytes, out: Path) -> Verdict:
        return run.run(asked, master, signing)  # its process has tests of its own

    monkeypatch.setattr(launch, "gate", judge)
    return Settings(home=tmp_path / "home", cache=tmp_path, runtime=tmp_path, config=tmp_path)


def mask(place: Settings, out: Path) -> Attested:
    return handout.mask(NAME, POLICY, out, place, BY, silent, clock)


def test_files_manifest_and_attestation_belong_together(place: Settings, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    made = mask(place, out)
    manifest = read_json(out / "manifest.json")
    signed = attestation.verify(
        read_json(out / "attestation.json"), attestation.signing_key(place.home), digest(canonical(manifest)), NOW
    )
    assert signed["digest"] == made.digest
    assert {path.stem for path in (out / "tables").iterdir()} == set(manifest["tables"])
    for name, table in manifest["tables"].items():
        assert file_digest(out / "tables" / f"{name}.parquet") == table["file_digest"]
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_what_is_handed_out_moves_no_pointer_and_is_recorded(place: Settings, tmp_path: Path) -> None:
    mask(place, tmp_path / "out")
    store = Store(place.home / "datasets")
    assert store.pointer("current", "small") is None
    assert store.names() == []
    record = log.read(trail.path(place.home))[-1]
    assert (record.action, record.actor, record.reason) == ("dataset.export", "anna", "for the analysts")


def test_a_job_finds_what_was_handed_out_and_makes_it_current(place: Settings, tmp_path: Path) -> None:
    made = mask(place, tmp_path / "out")
    assert prepare.prepare(NAME, POLICY, place, silent, clock).folder == made.folder
    assert Store(place.home / "datasets").pointer("current", "small") == made.folder.name


def test_an_empty_folder_is_filled(place: Settings, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    mask(place, tmp_path / "out")
    assert (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize("there", ["a file in it", "a file", "a link"])
def test_a_folder_that_is_taken_is_refused_before_anything_is_masked(
    place: Settings, tmp_path: Path, there: str
) -> None:
    out = tmp_path / "out"
    if there == "a file":
        out.write_text("mine")
    elif there == "a link":
        (tmp_path / "elsewhere").mkdir()
        out.symlink_to(tmp_path / "elsewhere")
    else:
        out.mkdir()
        (out / "mine").write_text("mine")
    with pytest.raises(RequestError, match="out"):
        mask(place, out)
    assert not (place.home / "datasets" / "ver").exists()


def test_a_blocked_dataset_leaves_nothing_where_it_was_to_go(
    place: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(masking, "mask_batch", lambda batch, plan, keys: 1 / 0)
    with pytest.raises(DatasetBlockedError, match="ZeroDivisionError"):
        mask(place, tmp_path / "new" / "out")
    assert not (tmp_path / "new").exists()


def test_a_file_that_was_changed_in_the_store_is_not_handed_out(place: Settings, tmp_path: Path) -> None:
    made = mask(place, tmp_path / "first")
    made.table("orders").unlink()
    made.table("orders").write_bytes(made.table("notes").read_bytes())
    with pytest.raises(NotAttestedError, match="orders"):
        mask(place, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir() if "out" in path.name) == []
