"""What jobs use of the datasets, so that it is not removed."""

import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox_suite.core.clock import iso
from sandbox_suite.core.files import write_json
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import prepare
from sandbox_suite.datasets.store import Store
from sandbox_suite.jobs import dataset_use, table
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.model import Request, State
from sandbox_suite.jobs.steps import dataset as step

NOW = datetime.datetime(2025, 6, 1, tzinfo=datetime.UTC)
WEEK = datetime.timedelta(days=7)


@pytest.fixture
def place(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", cache=tmp_path, runtime=tmp_path, config=tmp_path)


def job(place: Settings, name: str, state: State, ended: datetime.datetime | None = None, **more: Any) -> None:
    """Put a job of a state into the table."""
    database = Database(place.home)
    request = Request("no such plan", "default", "anna", dataset=f"{name}@1")
    table.submit(database, name, request, iso(NOW - 30 * WEEK))
    if state != State.QUEUED:
        table.move(database, name, State.RUNNING)
        table.move(database, name, state, ended_at=iso(ended) if ended else "", **more)


def planned(place: Settings, name: str) -> None:
    """Let a job's dataset step have ended."""
    dataset = {"name": name, "version": "1", "digest": f"sha256:{name}"}
    write_json(place.job(name) / "plan.json", {"dataset": dataset, "images": {"database": f"golden:{name}"}})


def used(place: Settings) -> dict[str, dataset_use.Use]:
    return {use.job: use for use in dataset_use.of(place, NOW - WEEK)}


def test_without_jobs_nothing_is_used_and_nothing_written(place: Settings) -> None:
    assert dataset_use.of(place, NOW) == []
    assert not place.home.exists()


def test_living_jobs_and_those_that_may_be_run_again_count(place: Settings) -> None:
    job(place, "queued", State.QUEUED)
    job(place, "running", State.RUNNING)
    job(place, "kept", State.KEPT, NOW - 2 * WEEK)
    job(place, "leased", State.FAILED, NOW - 2 * WEEK, expires_at=iso(NOW + WEEK))
    job(place, "failed", State.FAILED, NOW - WEEK / 2)
    job(place, "done", State.DONE, NOW - 2 * WEEK)
    found = used(place)
    assert {name for name, use in found.items() if use.living} == {"queued", "running", "kept", "leased"}
    assert {name for name, use in found.items() if not use.living} == {"failed"}


def test_a_job_uses_what_its_plan_names_and_before_that_what_it_asks_for(place: Settings) -> None:
    job(place, "queued", State.QUEUED)
    job(place, "running", State.RUNNING)
    planned(place, "running")
    found = used(place)
    assert (found["queued"].reference, found["queued"].digest, found["queued"].image) == ("queued@1", "", "")
    assert (found["running"].reference, found["running"].digest) == ("running@1", "sha256:running")
    assert found["running"].image == "golden:running"


def test_a_job_that_names_a_plan_uses_the_plans_dataset(place: Settings) -> None:
    request = Request("smoke", "default", "anna")
    table.submit(Database(place.home), "j1", request, iso(NOW))
    assert used(place)["j1"].reference == "customer-sample@2025-01"


def test_a_plan_that_cannot_be_read_leaves_what_was_asked_for(place: Settings) -> None:
    job(place, "running", State.RUNNING)
    place.job("running").mkdir(parents=True)
    (place.job("running") / "plan.json").write_text("{")
    assert used(place)["running"].reference == "running@1"


def test_no_version_can_be_removed_while_the_dataset_step_works(
    place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class SeenError(Exception):
        pass

    def preparing(*_: Any) -> None:
        with pytest.raises(TimeoutError), Store(place.home / "datasets").using(exclusive=True, seconds=0):
            pass
        raise SeenError

    monkeypatch.setattr(prepare, "prepare", preparing)
    plan = {"dataset": {"name": "demo", "version": "1", "policy": "policy.yaml"}}
    request = Request("smoke", "default", "anna")
    context = SimpleNamespace(settings=place, plan=plan, request=request, job="j1", say=print, clock=lambda: NOW)
    with pytest.raises(SeenError):
        step.run(context)  # type: ignore[arg-type]
    with Store(place.home / "datasets").using(exclusive=True, seconds=0):
        pass
