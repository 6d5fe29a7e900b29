"""Versions are found by content, never changed, never half there."""

import datetime
import os
from pathlib import Path
from typing import Any

import pytest

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import canonical, digest, file_digest, write_json
from sandbox_suite.datasets import attestation
from sandbox_suite.datasets.attestation import NotAttestedError
from sandbox_suite.datasets.store import Store

NOW = datetime.datetime(2025, 6, 1, tzinfo=datetime.UTC)
KEY = attestation.new_key()


def manifest(folder: Path, content: bytes = b"rows", version: str = "1") -> dict[str, Any]:
    """Write a table into `folder` and return a manifest of it."""
    folder.mkdir(exist_ok=True)
    (folder / "people.parquet").write_bytes(content)
    people = {"rows": 3, "file_digest": file_digest(folder / "people.parquet"), "order": ["id"], "columns": {}}
    return {"schema": 1, "name": "demo", "version": version, "digest": "sha256:0", "tables": {"people": people}}


def signed(content: dict[str, Any]) -> dict[str, Any]:
    body = {"schema": 1, "manifest": digest(canonical(content)), "findings": 0, "checks": [{"name": "files"}]}
    return attestation.sign(
        {**body, "at": "2025-06-01T00:00:00.000Z", "expires_at": attestation.expiry(NOW, []), "cache_key": "c" * 64},
        KEY,
    )


def stored(tmp_path: Path) -> tuple[Store, str]:
    store, content = Store(tmp_path / "store"), manifest(tmp_path / "made")
    version = store.commit(content, tmp_path / "made", signed(content))
    store.point(version, "attested", "demo", "1")
    return store, version


def test_a_committed_version_is_found_by_its_name(tmp_path: Path) -> None:
    store, version = stored(tmp_path)
    found = store.attested("demo", "1", KEY, NOW)
    assert found is not None
    assert (found.name, found.version, found.attested, found.rows) == ("demo", "1", True, 3)
    assert found.folder.name == version
    assert found.table("people").read_bytes() == b"rows"
    store.verify_files(found)


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    assert Store(tmp_path / "store").attested("demo", "1", KEY, NOW) is None


def test_objects_cannot_be_written(tmp_path: Path) -> None:
    store, version = stored(tmp_path)
    (path,) = (store.root / "obj").iterdir()
    assert path.stat().st_mode & 0o777 == 0o444
    assert path.samefile(store.root / "ver" / version / "tables" / "people.parquet")


def test_the_same_content_is_stored_once(tmp_path: Path) -> None:
    store, _ = stored(tmp_path)
    second = manifest(tmp_path / "again", version="2")
    store.commit(second, tmp_path / "again", signed(second))
    assert len(list((store.root / "obj").iterdir())) == 1
    assert len(list((store.root / "ver").iterdir())) == 2


def test_an_edited_manifest_is_refused(tmp_path: Path) -> None:
    store, version = stored(tmp_path)
    path = store.root / "ver" / version / "manifest.json"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content.replace(b'"rows":3', b'"rows":4'))
    with pytest.raises(NotAttestedError, match="edited"):
        store.open(version, KEY, NOW)


def test_an_attestation_of_another_version_is_refused(tmp_path: Path) -> None:
    store, version = stored(tmp_path)
    write_json(store.root / "ver" / version / "attestation.json", signed(manifest(tmp_path / "other", b"other")))
    with pytest.raises(NotAttestedError, match="another manifest"):
        store.open(version, KEY, NOW)


def test_a_version_without_attestation_is_refused(tmp_path: Path) -> None:
    store, version = stored(tmp_path)
    (store.root / "ver" / version / "attestation.json").unlink()
    with pytest.raises(NotAttestedError):
        store.open(version, KEY, NOW)


def test_an_expired_attestation_is_refused(tmp_path: Path) -> None:
    store, version = stored(tmp_path)
    with pytest.raises(NotAttestedError, match="expired"):
        store.open(version, KEY, NOW + datetime.timedelta(days=91))


def test_a_changed_file_is_found(tmp_path: Path) -> None:
    store, version = stored(tmp_path)
    found = store.open(version, KEY, NOW)
    found.table("people").unlink()
    found.table("people").write_bytes(b"others")
    with pytest.raises(NotAttestedError, match="people"):
        store.verify_files(found)


def test_a_file_that_changed_after_the_gate_is_not_committed(tmp_path: Path) -> None:
    content = manifest(tmp_path / "made")
    (tmp_path / "made" / "people.parquet").write_bytes(b"swapped")
    store = Store(tmp_path / "store")
    with pytest.raises(NotAttestedError):
        store.commit(content, tmp_path / "made", signed(content))
    assert store.names() == []
    store.sweep()
    assert list((store.root / "ver").glob("*")) == []


def test_a_pointer_swap_leaves_the_old_version(tmp_path: Path) -> None:
    store, first = stored(tmp_path)
    other = manifest(tmp_path / "other", b"other rows")
    second = store.commit(other, tmp_path / "other", signed(other))
    store.point(second, "attested", "demo", "1")
    assert store.pointer("attested", "demo", "1") == second
    assert store.open(first, KEY, NOW).table("people").read_bytes() == b"rows"


@pytest.mark.parametrize("name", ["../demo", "", ".demo", "a/b", "x" * 80])
def test_a_name_that_leaves_the_store_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RequestError):
        Store(tmp_path / "store").point("a" * 64, "current", name)


def test_what_a_killed_run_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    store, version = stored(tmp_path)
    abandoned = store.root / "tmp" / "k1"
    (abandoned / "quarantine").mkdir(parents=True)
    half = store.root / "ver" / f".{'b' * 64}"
    half.mkdir()
    orphan = store.root / "obj" / ("d" * 64)
    orphan.write_bytes(b"never named")
    with store.lock("k2"), store.work("k2") as busy:
        assert set(store.sweep()) == {"k1", half.name, orphan.name}
        assert busy.is_dir()
    assert not abandoned.exists()
    assert store.open(version, KEY, NOW).table("people").read_bytes() == b"rows"


def test_work_leaves_nothing_after_an_error(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")

    def fail() -> None:
        with store.work("k") as work:
            (work / "file").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list((store.root / "tmp").iterdir()) == []


def test_the_store_is_private(tmp_path: Path) -> None:
    store, _ = stored(tmp_path)
    assert store.root.stat().st_mode & 0o077 == 0
    assert os.access(store.root, os.W_OK)
