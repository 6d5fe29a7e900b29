"""The reaper asks for the end of what has no lease any more, and of nothing else."""

import datetime
from pathlib import Path

from sandbox_suite.jobs import reaper, table
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.model import Request, State

NOW = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)


def ended(database: Database, job: str, state: State, until: str) -> None:
    table.submit(database, job, Request(plan="smoke", tenant="qa", actor="ann"), "2026-01-01T00:00:00.000Z")
    table.move(database, job, State.RUNNING, machine="here")
    table.move(database, job, state, expires_at=until)


def test_only_expired_leases_are_reaped_kept_or_failed(tmp_path: Path) -> None:
    database = Database(tmp_path)
    for job, state, until in (
        ("kept-expired", State.KEPT, "2026-01-01T11:59:59.000Z"),
        ("kept-living", State.KEPT, "2026-01-01T12:30:00.000Z"),
        ("failed-expired", State.FAILED, "2026-01-01T12:00:00.000Z"),
        ("failed-rolled-back", State.FAILED, ""),
    ):
        ended(database, job, state, until)
    said: list[str] = []
    assert reaper.reap(database, "here", NOW, said.append) == ["kept-expired", "failed-expired"]
    assert {job.id: job.cancel for job in table.in_state(database, State.RUNNING)} == {
        "kept-expired": "destroy",
        "failed-expired": "destroy",
    }
    assert reaper.reap(database, "here", NOW, said.append) == []


def test_what_is_on_another_machine_is_left_to_that_one(tmp_path: Path) -> None:
    database = Database(tmp_path)
    ended(database, "expired", State.KEPT, "2026-01-01T11:00:00.000Z")
    assert reaper.reap(database, "there", NOW, print) == []


def test_a_job_that_was_set_going_again_meanwhile_is_not_destroyed(tmp_path: Path) -> None:
    database = Database(tmp_path)
    ended(database, "expired", State.KEPT, "2026-01-01T11:00:00.000Z")
    as_read = table.get(database, "expired")
    table.enqueue(database, "expired")
    assert not table.destroy_what_is_left(database, as_read, "2026-01-01T12:00:00.000Z", "the lease has ended")
    assert (table.get(database, "expired").state, table.get(database, "expired").cancel) == (State.QUEUED, "")
