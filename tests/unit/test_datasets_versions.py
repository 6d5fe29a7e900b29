"""The current version: how it moves, and the way back."""

import datetime
from pathlib import Path

import pytest
from datasets_killed import killed
from test_datasets_store import KEY, NOW, manifest, signed

from sandbox_suite.audit import log
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import file_digest, read_json, write_json
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import attestation, trail, versions
from sandbox_suite.datasets.attestation import NotAttestedError
from sandbox_suite.datasets.store import Store
from sandbox_suite.datasets.trail import Asker

ANNA = Asker("anna", "the new one is wrong")


def clock() -> datetime.datetime:
    return NOW


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(attestation, "signing_key", lambda home: KEY)
    return Settings(home=tmp_path / "home", cache=tmp_path, runtime=tmp_path, config=tmp_path)


def add(place: Settings, version: str, content: bytes = b"") -> str:
    """Store an attested version of `demo` and let it become current; return its digest."""
    store, made = Store(place.home / "datasets"), place.home / "made"
    made.mkdir(parents=True, exist_ok=True)
    shown = manifest(made, content or version.encode(), version)
    found = store.commit(shown, made, signed(shown))
    store.point(found, "attested", "demo", version)
    versions.advance(store, store.open(found, KEY, NOW), Asker("bob"), NOW)
    return found


def current(place: Settings) -> str | None:
    return Store(place.home / "datasets").pointer("current", "demo")


def back(place: Settings, to: str = "", dry_run: bool = False) -> versions.Rollback:
    return versions.rollback(place, "demo", to, ANNA, clock, dry_run)


def test_a_rollback_makes_the_version_before_current(place: Settings) -> None:
    first, _ = add(place, "1"), add(place, "2")
    found = back(place)
    assert (found.left, found.now, found.version) == ("demo@2", "demo@1", first)
    assert current(place) == first


def test_a_rollback_follows_rollbacks_back_and_ends_with_the_first_version(place: Settings) -> None:
    one, two, _ = add(place, "1"), add(place, "2"), add(place, "3")
    assert back(place).version == two
    assert back(place).version == one
    with pytest.raises(RequestError, match="no version before"):
        back(place)
    assert current(place) == one


def test_after_a_rollback_and_a_new_version_the_way_back_leaves_out_what_was_rolled_back(place: Settings) -> None:
    one, _ = add(place, "1"), add(place, "2")
    back(place)
    add(place, "3")
    assert back(place).version == one


@pytest.mark.parametrize("how", ["name", "digest"])
def test_a_version_can_be_named(place: Settings, how: str) -> None:
    one, *_ = [add(place, number) for number in ("1", "2", "3")]
    assert back(place, "1" if how == "name" else one[:10]).version == one
    assert current(place) == one


def test_the_history_says_who_when_and_why(place: Settings) -> None:
    add(place, "1")
    add(place, "2")
    back(place)
    moves = versions.history(Store(place.home / "datasets"), "demo")
    assert [(move.reference, move.actor, move.action, move.reason) for move in moves] == [
        ("demo@1", "bob", "prepare", ""),
        ("demo@2", "bob", "prepare", ""),
        ("demo@1", "anna", "rollback", "the new one is wrong"),
    ]
    assert {move.at for move in moves} == {"2025-06-01T00:00:00.000Z"}


def test_a_rollback_is_in_the_audit_log_with_actor_and_reason(place: Settings) -> None:
    add(place, "1")
    add(place, "2")
    back(place)
    with pytest.raises(RequestError):
        back(place, "9")
    done, refused = log.read(trail.path(place.home))
    assert (done.actor, done.action, done.target, done.outcome) == ("anna", "dataset.rollback", "demo@1", "ok")
    assert done.reason == "the new one is wrong"
    assert (refused.target, refused.outcome) == ("demo@9", "refused")
    assert log.verify(trail.path(place.home)).intact


def test_a_dry_run_says_the_same_and_changes_nothing(place: Settings) -> None:
    add(place, "1")
    two = add(place, "2")
    before = sorted(path for path in place.home.rglob("*") if path.suffix != ".lock")
    shown = back(place, dry_run=True)
    assert current(place) == two
    assert sorted(path for path in place.home.rglob("*") if path.suffix != ".lock") == before
    assert back(place) == shown


@pytest.mark.parametrize("spoil", ["attestation", "manifest", "file", "expired"])
def test_a_version_whose_attestation_does_not_hold_is_refused(place: Settings, spoil: str) -> None:
    one, two = add(place, "1"), add(place, "2")
    folder = Store(place.home / "datasets").raw(one)
    now = NOW
    if spoil == "attestation":
        (folder / "attestation.json").unlink()
    elif spoil == "manifest":
        _rewrite(folder / "manifest.json", (folder / "manifest.json").read_bytes().replace(b'"rows":3', b'"rows":4'))
    elif spoil == "file":
        _rewrite(folder / "tables" / "people.parquet", b"others")
    else:
        now += datetime.timedelta(days=91)
    with pytest.raises(NotAttestedError) as caught:
        versions.rollback(place, "demo", "", ANNA, lambda: now)
    assert caught.value.exit_code == 3
    assert current(place) == two


def _rewrite(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def test_a_version_that_was_current_does_not_become_so_again_by_itself(place: Settings) -> None:
    one, _ = add(place, "1"), add(place, "2")
    back(place)
    add(place, "2")  # attested anew, as a job does when the attestation has expired
    assert current(place) == one


def test_a_move_that_a_kill_cut_short_did_not_happen(place: Settings) -> None:
    one, two = add(place, "1"), add(place, "2")
    store = Store(place.home / "datasets")
    began = [*read_json(store.history("demo")), versions.Move(one, "demo@1", "", "anna", "rollback", "").as_dict()]
    write_json(store.history("demo"), began)
    assert [move.version for move in versions.history(store, "demo")] == [one, two]
    assert back(place).version == one
    assert len(versions.history(store, "demo")) == 3


def test_a_garbled_history_does_not_hide_what_is_wrong(place: Settings) -> None:
    add(place, "1")
    store = Store(place.home / "datasets")
    store.history("demo").write_text('[{"version": 1}]')
    with pytest.raises(RequestError, match="history"):
        back(place)


@pytest.mark.parametrize("name", ["nothing", "../demo", "demo@1"])
def test_a_dataset_without_a_current_version_is_a_mistake(place: Settings, name: str) -> None:
    add(place, "1")
    with pytest.raises(RequestError):
        versions.rollback(place, name, "", ANNA, clock)


def test_a_digest_of_another_dataset_is_refused(place: Settings) -> None:
    add(place, "1")
    store, made = Store(place.home / "datasets"), place.home / "other"
    shown = {**manifest(made, b"other"), "name": "other"}
    other = store.commit(shown, made, signed(shown))
    with pytest.raises(RequestError, match="no attested version"):
        back(place, other[:12])


def test_a_rollback_is_proved_by_the_content_that_is_then_found(place: Settings) -> None:
    one, _ = add(place, "1", b"rows of one"), add(place, "2")
    back(place)
    store = Store(place.home / "datasets")
    found = store.open(current(place) or "", KEY, NOW)
    assert found.table("people").read_bytes() == b"rows of one"
    assert file_digest(found.table("people")) == store.manifest(one)["tables"]["people"]["file_digest"]


SWAPPER = """
import sys, datetime, pathlib
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import attestation, versions
from sandbox_suite.datasets.trail import Asker
home = pathlib.Path(sys.argv[1])
attestation.signing_key = lambda home: (home / "key.pem").read_bytes()
place = Settings(home=home, cache=home, runtime=home, config=home)
now = datetime.datetime.fromisoformat(sys.argv[2])
print("ready", flush=True)
while True:
    for to in ("1", "2"):
        versions.rollback(place, "demo", to, Asker("swapper"), lambda: now)
"""


def test_killed_at_any_moment_a_rollback_leaves_a_whole_version_current(place: Settings) -> None:
    both = {add(place, "1"), add(place, "2")}
    (place.home / "key.pem").write_bytes(KEY)
    store = Store(place.home / "datasets")
    for pause in (0.0, 0.011, 0.023, 0.037):
        killed(SWAPPER, str(place.home), NOW.isoformat(), after=pause)
        assert current(place) in both
        store.open(current(place) or "", KEY, NOW)
        assert versions.history(store, "demo")[-1].version == current(place)
    assert log.verify(trail.path(place.home)).intact
    assert back(place, "1").version in both


def test_who_asks_for_the_current_version_gets_what_a_rollback_left(place: Settings) -> None:
    with pytest.raises(RequestError, match="no current version"):
        versions.resolve("demo@current", place)
    assert not place.home.exists()
    add(place, "1")
    add(place, "2")
    assert versions.resolve("demo@current", place) == "demo@2"
    back(place)
    assert versions.resolve("demo@current", place) == "demo@1"
    assert versions.resolve("demo@2", place) == "demo@2"
