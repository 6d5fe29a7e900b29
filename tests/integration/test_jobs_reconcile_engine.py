"""Sweeping and reconcile on a real engine: only what is ours and nobody's goes, with a neighbour standing by."""

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from sandbox_suite import engine
from sandbox_suite.core.clock import iso, utc_now
from sandbox_suite.core.settings import load
from sandbox_suite.engine import inventory, labels
from sandbox_suite.jobs import reconcile, sweeping, table
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.events import Journal
from sandbox_suite.jobs.model import Request, State
from sandbox_suite.toolchain.images import references

pytestmark = pytest.mark.docker
LATER = datetime.timedelta(hours=1)


class Place:
    """A home, and what is put on the engine for it and for a neighbour."""

    def __init__(self, home: Path, client: Any) -> None:
        self.settings = load(home / "none.yaml", {"SANDBOX_HOME": str(home)})
        self.client, self.database = client, Database(home)
        self.installation = engine.installation(home)
        self.made: list[str] = []
        self.networks: list[str] = []

    def job(self, name: str, state: State, lease: str = "") -> None:
        """Make a row; a sandbox was begun for it."""
        table.submit(self.database, name, Request("smoke", "qa", "ann"), iso(utc_now()))
        table.move(self.database, name, State.RUNNING, machine=self.installation)
        Journal(self.database, name, utc_now).write("started", "provision", attempt=1)
        if state != State.RUNNING:
            ended = iso(utc_now() - datetime.timedelta(minutes=1))
            table.move(self.database, name, state, expires_at=lease, ended_at=ended)

    def container(self, name: str, worn: dict[str, str], network: str = "none") -> str:
        """Make a container; it need not run to be seen."""
        host = self.client.create_host_config(network_mode=network)
        made = self.client.create_container(
            references()["database"], ["true"], name=name, labels=worn, host_config=host
        )
        self.made.append(made["Id"])
        return str(made["Id"])

    def network(self, name: str, worn: dict[str, str]) -> None:
        self.networks.append(self.client.create_network(name, internal=True, labels=worn)["Id"])

    def worn(self, job: str, until: datetime.datetime) -> dict[str, str]:
        return labels.labels(self.installation, job, "qa", iso(until), "database")

    def held(self) -> set[str]:
        return {one.job for one in inventory.items(self.client, self.installation)}

    def remove(self) -> None:
        for container in self.made:
            try:
                self.client.remove_container(container, force=True)
            except docker.errors.NotFound:
                continue
        for network in self.networks:
            try:
                self.client.remove_network(network)
            except docker.errors.NotFound:
                continue


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    client = engine.client()
    one = Place(tmp_path, client)
    yield one
    one.remove()
    client.close()


def neighbours(place: Place) -> list[str]:
    """Put a neighbour's things there: of another installation, and without any label, with names like ours."""
    past = utc_now() - LATER
    mark = place.installation
    return [
        place.container(f"sbx-{mark}-a", labels.labels("another" + mark, "expired", "qa", iso(past), "database")),
        place.container(f"sbx-{mark}-b", {}),
        place.container(f"sbx-{mark}-c", {labels.JOB: "expired", labels.EXPIRES_AT: iso(past)}),
    ]


def there(place: Place, containers: list[str]) -> list[str]:
    return [place.client.inspect_container(one)["Id"] for one in containers]


def test_only_what_is_ours_and_nobodys_is_swept(place: Place) -> None:
    beside = neighbours(place)
    past, later = utc_now() - LATER, utc_now() + LATER
    mark = place.installation
    place.job("living", State.RUNNING)
    place.job("kept", State.KEPT, iso(later))
    place.job("failed", State.FAILED)
    for name, until in (("living", past), ("kept", later), ("failed", later), ("lost", past), ("lost-young", later)):
        place.container(f"sbx-{mark}-{name}", place.worn(name, until))
    place.network(f"sbx-{mark}-lost", place.worn("lost", past))
    place.container(f"sbx-{mark}-guest", {}, network=f"sbx-{mark}-lost")  # a neighbour's, on a network of ours
    said = list(sweeping.sweep(place.settings, place.database, utc_now))
    assert place.held() == {"living", "kept", "failed", "lost-young"}
    assert len(said) == 2, said
    states = {job.id: (job.state, job.cancel) for job in table.latest(place.database)}
    assert states == {
        "living": (State.RUNNING, ""),
        "kept": (State.KEPT, ""),
        "failed": (State.RUNNING, "destroy"),  # its worker destroys what it left
    }
    assert there(place, beside) == beside
    assert place.client.inspect_container(f"sbx-{mark}-guest")
    assert list(sweeping.sweep(place.settings, place.database, utc_now)) == []


def test_a_job_that_ends_while_the_sweep_looks_is_left_alone(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.job("ending", State.DONE)
    before = [inventory.Item("container", "sbx", "x", "ending", "qa", "plugin", iso(utc_now() + LATER))]
    monkeypatch.setattr(inventory, "items", lambda client, installation, job="": [] if job else before)
    assert list(sweeping.sweep(place.settings, place.database, utc_now)) == []
    assert table.get(place.database, "ending").state == State.DONE


def differences(place: Place, job: str = "") -> dict[str, str]:
    return {one.job: one.id for one in looked(place, job) if one.id.startswith("sandbox")}


def looked(place: Place, job: str = "") -> list[reconcile.Difference]:
    return reconcile.look(place.settings, place.database, place.client, utc_now, job)


def mending(place: Place) -> reconcile.Mending:
    return reconcile.Mending(place.settings, place.database, place.client, utc_now, "ann")


def test_reconcile_removes_what_a_lost_database_left_and_finds_nothing_the_second_time(place: Place) -> None:
    beside, mark = neighbours(place), place.installation
    for name, until in (("old", utc_now() - LATER), ("young", utc_now() + LATER)):
        place.container(f"sbx-{mark}-{name}", place.worn(name, until))
    assert differences(place) == {"old": "sandbox-without-job", "young": "sandbox-without-job"}
    assert place.held() == {"old", "young"}, "a look touches nothing"
    done, failed = reconcile.mend(looked(place), mending(place), print)
    assert ([one.job for one in done], failed) == (["old"], [])
    assert place.held() == {"young"}
    assert reconcile.mend(looked(place), mending(place), print) == ([], [])
    reconcile.mend(looked(place, "young"), mending(place), print)  # asked for by name
    assert place.held() == set()
    assert differences(place) == {}
    assert there(place, beside) == beside


def test_a_killed_build_of_a_golden_database_is_cleared_away_but_not_one_at_work(place: Place) -> None:
    from filelock import FileLock

    from sandbox_suite.datasets import golden

    locks = place.settings.home / "locks"
    locks.mkdir()
    dead, busy = (golden.builder(key, locks) for key in ("aaaaaaaaaaaa", "bbbbbbbbbbbb"))
    for name in (dead, busy):
        place.container(name, {})
    (locks / "sandbox-suite-golden-none.volume").write_text("{}")
    with FileLock(locks / "golden-bbbbbbbbbbbb.lock"):
        done, _ = reconcile.mend(looked(place), mending(place), print)
    assert {(one.id, one.target) for one in done} == {
        ("golden-builder-left", dead),
        ("golden-volume-gone", "sandbox-suite-golden-none"),
    }
    assert place.client.inspect_container(busy)
    with pytest.raises(docker.errors.NotFound):
        place.client.inspect_container(dead)
