"""What goes and what stays; twice removes nothing more; a kill in the middle is harmless."""

import datetime
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets_killed import killed
from test_datasets_store import KEY, NOW, manifest, signed

from sandbox_suite.audit import log
from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.files import write_json
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import attestation, golden, golden_images, retention, trail, versions
from sandbox_suite.datasets.operation import Retention
from sandbox_suite.datasets.retention import Removed, Used
from sandbox_suite.datasets.store import Store
from sandbox_suite.datasets.trail import Asker

BY = Asker("anna", "room is short")
ONE = Retention(attested=1, raw=1)
NOTHING = Used()


def clock() -> datetime.datetime:
    return NOW


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(attestation, "signing_key", lambda home: KEY)
    return Settings(home=tmp_path / "home", cache=tmp_path, runtime=tmp_path, config=tmp_path)


def store_of(place: Settings) -> Store:
    return Store(place.home / "datasets")


def add(
    place: Settings, version: str, kind: str = "attested", name: str = "demo", current: bool = True, **more: Any
) -> str:
    """Store a version, each newer than the one before; return its digest."""
    store, made = store_of(place), place.home / "made"
    made.mkdir(parents=True, exist_ok=True)
    shown = {**manifest(made, f"{name} {kind} {version}".encode(), version), "name": name, **more}
    shown |= {"state": "raw"} if kind == "raw" else {"digest": f"sha256:{name}{version}"}
    found = store.commit(shown, made, None if kind == "raw" else signed(shown))
    count = len(list((store.root / "ver").iterdir()))
    os.utime(store.raw(found) / "manifest.json", (1e9 + count, 1e9 + count))
    store.point(found, kind, name, version)
    if kind == "attested":
        store.point(found, "cache", found)
        if current:
            versions.advance(store, store.open(found, KEY, NOW), BY, NOW)
    return found


def collect(
    place: Settings, rules: Retention = ONE, used: Used | Callable[[], Used] = NOTHING, dry_run: bool = False
) -> list[Removed]:
    asked = used if callable(used) else lambda: used
    return retention.collect(place, rules, asked, BY, clock, dry_run=dry_run)


def there(place: Settings) -> set[str]:
    return {path.name for path in (store_of(place).root / "ver").iterdir()}


def test_the_current_version_and_the_one_before_stay(place: Settings) -> None:
    one, two, three = (add(place, number) for number in "123")
    gone = collect(place)
    assert there(place) == {two, three}
    assert [(item.kind, item.name.split()[0]) for item in gone] == [("attested", "demo@1")]
    store = store_of(place)
    assert store.pointer("attested", "demo", "1") is None
    assert store.pointer("cache", one) is None
    assert not any(path.read_bytes() == b"demo attested 1" for path in (store.root / "obj").iterdir())
    assert store.open(three, KEY, NOW).table("people").read_bytes() == b"demo attested 3"
    assert versions.rollback(place, "demo", "", BY, clock).version == two


def test_after_a_rollback_what_is_current_stays_however_old(place: Settings) -> None:
    one, *_ = [add(place, number) for number in "1234"]
    versions.rollback(place, "demo", "1", BY, clock)
    collect(place)
    assert one in there(place)
    assert store_of(place).pointer("current", "demo") == one


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_as_many_as_are_asked_for_stay_of_each_dataset(place: Settings, keep: int) -> None:
    for name in ("demo", "other"):
        for number in "12345":
            add(place, number, name=name, current=False)
    collect(place, Retention(attested=keep, raw=keep))
    left = store_of(place).names()
    assert [(name, number) for name, number, _ in left] == [
        (name, number) for name in ("demo", "other") for number in "12345"[-keep:]
    ]
    assert {digest for *_, digest in left} == there(place)


def test_what_a_job_uses_stays_and_so_do_the_raw_rows_it_asks_for(place: Settings) -> None:
    raws = {number: add(place, number, "raw") for number in "1234"}
    kept = {number: add(place, number) for number in "1234"}
    collect(place, used=Used(references=frozenset({"demo@1"}), digests=frozenset({"sha256:demo2"})))
    assert there(place) == {
        *(kept["1"], raws["1"]),  # asked for by name: a job that waits
        *(kept["2"], raws["2"]),  # used by content
        *(kept["3"], raws["3"]),  # what a rollback would lead to
        *(kept["4"], raws["4"]),
    }


def test_what_a_job_used_under_another_policy_stays_too(place: Settings) -> None:
    old = add(place, "1", digest="")
    for number in "234":
        add(place, number)
    store_of(place).forget("attested", "demo", "1")
    collect(place, used=Used(digests=frozenset({"sha256:demo1"})))
    assert old in there(place)


def test_raw_rows_of_a_version_that_stays_and_its_parent_stay(place: Settings) -> None:
    parent = add(place, "1", "raw")
    patched = add(place, "1b", "raw", patch={"parent": parent})
    add(place, "1b")
    lonely = add(place, "0", "raw")
    for number in "567":
        add(place, number, "raw")
    collect(place)
    assert {parent, patched} <= there(place)
    assert lonely not in there(place)


def test_a_dry_run_names_the_same_and_removes_nothing(place: Settings) -> None:
    for number in "1234":
        add(place, number)
    (store_of(place).root / "obj" / ("d" * 64)).write_bytes(b"of a killed run")
    before = {path for path in store_of(place).root.rglob("*") if path.suffix != ".lock"}
    shown = collect(place, dry_run=True)
    assert {path for path in store_of(place).root.rglob("*") if path.suffix != ".lock"} == before
    assert len(shown) == 3
    assert collect(place) == shown


def test_a_second_run_removes_nothing_more(place: Settings) -> None:
    for number in "12345":
        add(place, number)
        add(place, number, "raw")
    assert collect(place)
    before = there(place)
    assert collect(place) == []
    assert there(place) == before


def test_what_goes_is_recorded_and_nothing_is_when_nothing_goes(place: Settings) -> None:
    for number in "123":
        add(place, number)
    collect(place)
    collect(place)
    (record,) = log.read(trail.path(place.home))
    assert (record.action, record.actor, record.reason) == ("dataset.gc", "anna", "room is short")
    assert "demo@1" in record.details["removed"][0]


def test_left_overs_of_killed_runs_go_and_work_under_way_stays(place: Settings) -> None:
    add(place, "1")
    store = store_of(place)
    (store.root / "tmp" / "abandoned" / "quarantine").mkdir(parents=True)
    (store.root / "ver" / f".{'b' * 64}").mkdir()
    with store.lock("busy"), store.work("busy") as busy:
        gone = collect(place)
        assert busy.is_dir()
    assert {item.name for item in gone} == {"abandoned", f".{'b' * 64}"[:32]}
    assert not (store.root / "tmp" / "abandoned").exists()


def test_failure_reports_go_by_their_age(place: Settings) -> None:
    folder = store_of(place).root / "failures"
    for name, days in (("old", 181), ("young", 179)):
        write_json(folder / f"{name}.json", {"at": (NOW - datetime.timedelta(days=days)).isoformat()})
        (folder / f"{name}.md").write_text("read me")
    (folder / "odd.json").write_text("not ours")
    gone = collect(place)
    assert [(item.kind, item.name) for item in gone] == [("failure", "old")]
    assert {path.name for path in folder.iterdir()} == {"young.json", "young.md", "odd.json"}


def test_a_version_whose_manifest_is_gone_goes(place: Settings) -> None:
    one = add(place, "1")
    add(place, "2")
    broken = store_of(place).raw(one) / "manifest.json"
    broken.unlink()
    broken.write_text("{")
    versions.rollback(place, "demo", "2", BY, clock)
    store_of(place).history("demo").unlink()
    gone = collect(place)
    assert [(item.kind, item.name) for item in gone] == [("garbled", one[:12])]


def test_nothing_is_removed_while_somebody_reads(place: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in "123":
        add(place, number)
    monkeypatch.setattr(retention, "WAIT_SECONDS", 0.1)
    before = there(place)
    with store_of(place).using(), pytest.raises(InfrastructureError, match="all the time"):
        collect(place)
    assert there(place) == before


def test_it_waits_for_those_who_read_and_asks_for_use_only_then(place: Settings) -> None:
    """A job takes version 1 while the collection waits: it must not be removed under it."""
    kept = {number: add(place, number) for number in "123"}
    used: set[str] = set()
    reading, ended = threading.Event(), threading.Event()

    def job() -> None:
        with store_of(place).using():
            reading.set()
            ended.wait(10)
            used.add("sha256:demo1")

    thread = threading.Thread(target=job)
    thread.start()
    reading.wait(10)
    collecting = threading.Thread(target=lambda: collect(place, used=lambda: Used(digests=frozenset(used))))
    collecting.start()
    time.sleep(0.2)
    assert there(place) == set(kept.values())
    ended.set()
    thread.join()
    collecting.join()
    assert kept["1"] in there(place)


def test_nobody_begins_to_read_while_versions_are_removed(place: Settings) -> None:
    for number in "123":
        add(place, number)
    seen = []

    def used() -> Used:
        with pytest.raises(TimeoutError), store_of(place).using(seconds=0):
            pass
        seen.append(1)
        return Used()

    collect(place, used=used)
    assert seen == [1]


COLLECTOR = """
import datetime, pathlib, sys
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import retention
from sandbox_suite.datasets.operation import Retention
from sandbox_suite.datasets.trail import Asker
home = pathlib.Path(sys.argv[1])
place = Settings(home=home, cache=home, runtime=home, config=home)
now = datetime.datetime.fromisoformat(sys.argv[2])
print("ready", flush=True)
retention.collect(place, Retention(attested=1, raw=1), retention.Used, Asker("c"), lambda: now)
print("done", flush=True)
"""


def test_killed_at_any_moment_it_leaves_whole_versions_and_the_next_run_ends_it(place: Settings) -> None:
    for number in range(30):
        add(place, str(number))
    store = store_of(place)
    current, before = store.pointer("current", "demo"), versions.previous(versions.history(store, "demo"))
    assert current
    assert before
    cut = 0
    for pause in (0.0, 0.004, 0.009, 0.016):
        cut += b"done" not in killed(COLLECTOR, str(place.home), NOW.isoformat(), after=pause)
        for path, version in store.pointers():
            if path[0] in ("attested", "current"):
                store.verify_files(store.open(version, KEY, NOW))
    assert cut, "no run was cut: there was nothing to see"
    collect(place)
    assert there(place) == {current, before.version}
    assert len(list((store.root / "obj").iterdir())) == 2
    assert collect(place) == []


class Engine:
    """Answers as Docker's API does, for golden images: the real one is asked by an integration test."""

    def __init__(self, images: dict[str, str], started: tuple[str, ...] = ()) -> None:
        self.there, self.started, self.removed = images, started, [""][:0]

    def images(self, name: str, filters: dict[str, list[str]]) -> list[dict[str, Any]]:
        assert name == golden.REPOSITORY
        assert golden.LABEL in filters["label"]
        return [{"Id": key, "RepoTags": [tag], "Size": 7} for tag, key in self.there.items()]

    def volumes(self, filters: dict[str, list[str]]) -> dict[str, None]:
        return {"Volumes": None}

    def containers(self, all: bool) -> list[dict[str, str]]:  # noqa: A002 - the API's word
        return [{"ImageID": key} for key in self.started]

    def inspect_image(self, name: str) -> dict[str, str]:
        return {"Id": "sha256:base"}

    def remove_image(self, tag: str) -> None:
        self.removed.append(tag)
        del self.there[tag]


def test_golden_images_go_unless_a_kept_version_a_job_or_a_container_needs_them(
    place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(golden, "cache_key", lambda attested, base: attested.folder.name[:12])
    store = store_of(place)
    attested = [store.open(add(place, number), KEY, NOW) for number in "123"]
    tags = [f"{golden.REPOSITORY}:{golden.cache_key(one, 'sha256:base')}" for one in attested]
    engine = Engine({tags[0]: "a", tags[1]: "b", tags[2]: "c", "of-job": "d", "of-container": "e"}, started=("e",))
    used = Used(images=frozenset({"of-job"}))

    def run(dry_run: bool) -> list[str]:
        found = retention.collect(place, ONE, lambda: used, BY, clock, client=engine, image="db", dry_run=dry_run)  # type: ignore[arg-type]
        return [item.name for item in found if item.kind == "golden"]

    assert run(True) == [tags[0]]
    assert engine.removed == []
    assert run(False) == engine.removed == [tags[0]]
    assert run(False) == []


def test_golden_images_of_another_installation_are_not_asked_for(place: Settings) -> None:
    asked: list[list[str]] = []

    class Listening(Engine):
        def images(self, name: str, filters: dict[str, list[str]]) -> list[dict[str, Any]]:
            asked.append(filters["label"])
            return []

    golden_images.unused(Listening({}), place.home, store_of(place), [], [], "db")  # type: ignore[arg-type]
    mine = (place.home / "installation").read_text().strip()
    assert f"sandbox-suite.installation={mine}" in asked[0]
