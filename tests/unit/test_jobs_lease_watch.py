"""The watch of leases: it starts a worker where one was killed and a lease is over, and nowhere else."""

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox_suite.core.settings import Settings, load
from sandbox_suite.jobs import lease_watch, service, table
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.model import Request, State

NOW = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
OVER, LATER = "2026-01-01T11:00:00.000Z", "2026-01-01T13:00:00.000Z"
Rounds = Callable[..., int]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(tmp_path / "none.yaml", {"SANDBOX_HOME": str(tmp_path)})


@pytest.fixture
def rounds(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Rounds:
    """Watch for three looks at most; return how many workers were started. A started one reaps."""
    database = Database(settings.home)

    def watched(*leases: str, killed: bool = True) -> int:
        started: list[str] = []
        for number, lease in enumerate(leases):
            job = f"j{number}"
            table.submit(database, job, Request("smoke", "qa", "ann"), OVER)
            table.move(database, job, State.RUNNING)
            table.move(database, job, State.KEPT, expires_at=lease)
        if killed:
            service.facts_path(settings.home).write_text("{}")

        def ensure(asked: Settings) -> None:
            started.append("worker")
            for job in table.leased(database):
                table.move(database, job.id, State.DONE, expires_at="")

        looks: list[float] = []

        def pause(seconds: float) -> None:
            looks.append(seconds)
            if len(looks) == 3:
                raise TimeoutError

        monkeypatch.setattr(service, "ensure", ensure)
        try:
            lease_watch.watch(settings, pause, lambda: NOW)
        except TimeoutError:
            started.append("still watching")
        return len(started) if "still watching" not in started else -1

    return watched


def test_a_worker_that_was_killed_is_followed_by_one_when_a_lease_is_over(rounds: Rounds) -> None:
    assert rounds(OVER, LATER) == 1


def test_a_lease_that_is_not_over_is_waited_for(rounds: Rounds) -> None:
    assert rounds(LATER) == -1


def test_a_worker_that_ended_in_order_is_left_at_rest(rounds: Rounds) -> None:
    assert rounds(OVER, killed=False) == 0


def test_without_a_lease_there_is_nothing_to_watch(rounds: Rounds) -> None:
    assert rounds() == 0


def test_there_is_one_watch(settings: Settings, rounds: Rounds) -> None:
    with lease_watch._alone(settings.home) as first:
        assert first
        assert lease_watch.ensure(settings) is None
        assert rounds(OVER) == 0
