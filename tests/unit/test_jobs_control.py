"""What `sandbox.cancel` and `sandbox.destroy` say they did: whether anything of the sandbox is left."""

from pathlib import Path

import pytest

from sandbox_suite.core.clock import utc_now
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.settings import Settings, load
from sandbox_suite.jobs import control, service, table
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.events import Journal
from sandbox_suite.jobs.journal import finished as finished_steps
from sandbox_suite.jobs.model import STEPS, Request, State

JOB = "j0000000000001"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(tmp_path / "none.yaml", {"SANDBOX_HOME": str(tmp_path)})


@pytest.fixture
def journal(settings: Settings) -> Journal:
    return Journal(Database(settings.home), JOB, utc_now)


def test_a_job_that_failed_by_itself_before_it_could_be_destroyed_is_released(
    settings: Settings, journal: Journal
) -> None:
    journal.write("started", "provision", attempt=1)
    journal.write("ended", "provision", attempt=1, outcome="failed")
    assert not control.released(settings, JOB)
    journal.write("ended", "undo destroy", attempt=1, outcome="ok")
    assert control.released(settings, JOB)


def test_a_sandbox_that_could_not_be_removed_is_not_released(settings: Settings, journal: Journal) -> None:
    journal.write("started", "provision", attempt=1)
    journal.write("ended", "undo destroy", attempt=1, outcome="failed")
    assert not control.released(settings, JOB)


def test_a_job_without_a_sandbox_is_released(settings: Settings, journal: Journal) -> None:
    journal.write("ended", "admit", attempt=1, outcome="failed")
    assert control.released(settings, JOB)


@pytest.fixture
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "ensure", lambda settings: None)


def ended(settings: Settings, journal: Journal, *steps: str) -> None:
    """Leave a failed job of which these steps ended well, and whose sandbox is gone."""
    database = Database(settings.home)
    table.submit(database, JOB, Request(plan="smoke", tenant="qa", actor="ann"), "2026-01-01T00:00:00.000Z")
    for state in (State.RUNNING, State.FAILED):
        table.move(database, JOB, state)
    for step in steps:
        journal.write("started", step, attempt=1)
        journal.write("ended", step, attempt=1, outcome="ok")


@pytest.mark.usefixtures("no_worker")
def test_a_job_whose_report_failed_goes_on_with_it_though_the_sandbox_is_gone(
    settings: Settings, journal: Journal
) -> None:
    ended(settings, journal, *(step for step in STEPS if step != "report"))
    told = control.rerun(settings, table.get(Database(settings.home), JOB), "", utc_now)
    assert [line.split()[0] for line in told] == list(STEPS[: STEPS.index("report")])


@pytest.mark.usefixtures("no_worker")
def test_a_report_of_what_was_never_collected_is_refused(settings: Settings, journal: Journal) -> None:
    ended(settings, journal, "admit", "dataset", "provision", "destroy")
    with pytest.raises(RequestError, match="needs the sandbox"):
        control.rerun(settings, table.get(Database(settings.home), JOB), "report", utc_now)


@pytest.mark.usefixtures("no_worker")
def test_a_resumed_job_keeps_what_finished_beside_the_step_that_failed(settings: Settings, journal: Journal) -> None:
    finished = [step for step in STEPS[: STEPS.index("report")] if step != "verify"]
    ended(settings, journal, *finished)
    told = control.rerun(settings, table.get(Database(settings.home), JOB), "", utc_now)
    assert [line.split()[0] for line in told] == finished
    assert finished_steps(journal.read()) == finished
