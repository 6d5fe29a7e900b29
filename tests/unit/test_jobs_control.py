"""What `sandbox.cancel` and `sandbox.destroy` say they did: whether anything of the sandbox is left."""

from pathlib import Path

import pytest

from sandbox_suite.core.clock import utc_now
from sandbox_suite.core.settings import Settings, load
from sandbox_suite.jobs import control
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.events import Journal

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
