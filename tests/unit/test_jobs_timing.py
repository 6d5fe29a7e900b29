"""Where the time of a job went, from its journal and what its steps left."""

import datetime
from pathlib import Path

import pytest

from sandbox_suite.core.settings import Settings, load
from sandbox_suite.jobs import events, table, timing
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.model import Job, Request, State
from sandbox_suite.jobs.outcome import Outcome

JOB = "j0000000000001"
INSIDE = {"own": 0.5, "docker": 1.0, "containers": 0.0, "pulumi": 0.25, "ansible": 0.0, "waiting": 0.0}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(tmp_path / "none.yaml", {"SANDBOX_HOME": str(tmp_path)})


@pytest.fixture
def job(settings: Settings) -> Job:
    """A job of ten seconds: provision for two of them, then two steps of three seconds that overlap in two."""
    database = Database(settings.home)
    table.submit(database, JOB, Request(plan="smoke", tenant="qa", actor="ann"), at(0))
    for step, end, seconds in (("provision", 3, 2.0), ("regress", 8, 3.0), ("verify", 9, 3.0)):
        journal = events.Journal(database, JOB, lambda end=end: moment(end))
        journal.write("ended", step, attempt=1, outcome="ok", seconds=seconds)
    tasks = [["suite_run : Run the suites", "runner", 1.5]]
    Outcome("ok", 1, timing=INSIDE).write(settings.job(JOB), "provision")
    Outcome("ok", 1, timing=INSIDE, made={"task_seconds": tasks}).write(settings.job(JOB), "regress")
    table.move(database, JOB, State.RUNNING)
    return table.move(database, JOB, State.DONE, ended_at=at(10))


def moment(second: int) -> datetime.datetime:
    return datetime.datetime(2026, 1, 1, 0, 0, second, tzinfo=datetime.UTC)


def at(second: int) -> str:
    return moment(second).isoformat().replace("+00:00", "Z")


def test_the_kinds_of_a_step_are_all_its_seconds_its_start_and_end_being_waiting(settings: Settings, job: Job) -> None:
    (provision, *_) = timing.of(settings, job)["steps"]
    assert provision["kinds"] == {**INSIDE, "waiting": 0.25}
    assert sum(provision["kinds"].values()) == provision["seconds"] == 2.0
    assert provision["began"] == 1.0


def test_time_in_which_no_step_ran_is_told_and_steps_side_by_side_cover_it_once(settings: Settings, job: Job) -> None:
    times = timing.of(settings, job)
    assert times["seconds"] == 10.0
    assert times["between_steps"] == 4.0  # ten, without the second to the third and the fifth to the ninth


def test_a_step_that_left_nothing_has_its_seconds_only(settings: Settings, job: Job) -> None:
    verify = timing.of(settings, job)["steps"][2]
    assert (verify["seconds"], verify["kinds"], verify["tasks"]) == (3.0, {}, [])


def test_the_table_ends_with_the_slowest_tasks(settings: Settings, job: Job) -> None:
    lines = timing.lines(timing.of(settings, job))
    assert lines[-2:] == ["slowest tasks", "    1.500  regress  runner    suite_run : Run the suites"]
    assert [line.split()[0] for line in lines[1:4]] == ["provision", "regress", "verify"]
