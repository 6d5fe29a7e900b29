"""Who is admitted next."""

from pathlib import Path

import pytest

from sandbox_suite.core.errors import RequestError
from sandbox_suite.jobs import admission, table
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.model import Request, State


def test_the_oldest_job_of_the_tenant_that_holds_least_is_next() -> None:
    waiting = [(1, "a"), (2, "a"), (3, "b")]
    assert admission.choose(waiting, {}, {"a": (2, 1), "b": (2, 1)}) == 1
    assert admission.choose(waiting, {"a": 1}, {"a": (2, 1), "b": (2, 1)}) == 3


def test_weight_counts() -> None:
    assert admission.choose([(1, "a"), (2, "b")], {"a": 1, "b": 2}, {"a": (9, 1), "b": (9, 4)}) == 2


def test_a_tenant_at_its_quota_or_without_one_waits() -> None:
    assert admission.choose([(1, "a")], {"a": 2}, {"a": (2, 1)}) is None
    assert admission.choose([(1, "unknown")], {}, {"a": (2, 1)}) is None


def submit(database: Database, *jobs: tuple[str, str]) -> None:
    for job, tenant in jobs:
        table.submit(database, job, Request(plan="smoke", tenant=tenant, actor="ann"), "2026-01-01T00:00:00.000Z")


def test_admission_respects_capacity_and_quota_and_tells_places(tmp_path: Path) -> None:
    database = Database(tmp_path)
    submit(database, ("j1", "a"), ("j2", "a"), ("j3", "a"), ("j4", "b"))
    assert admission.admit(database, "here", 2, {"a": (1, 1), "b": (1, 1)}, "now") == ["j1", "j4"]
    assert (admission.place(database, "j2"), admission.place(database, "j3"), admission.place(database, "j1")) == (
        1,
        2,
        0,
    )
    assert admission.admit(database, "here", 4, {"a": (1, 1), "b": (1, 1)}, "now") == []


def test_a_kept_sandbox_counts_against_the_quota(tmp_path: Path) -> None:
    database = Database(tmp_path)
    submit(database, ("j1", "a"), ("j2", "a"))
    quotas = {"a": (1, 1.0)}
    admission.admit(database, "here", 2, quotas, "now")
    table.move(database, "j1", State.KEPT)
    assert admission.admit(database, "here", 2, quotas, "now") == []
    table.move(database, "j1", State.FAILED, expires_at="2026-01-01T01:00:00.000Z")
    assert admission.admit(database, "here", 2, quotas, "now") == []
    assert [job.id for job in table.leased(database)] == ["j1"]
    table.update(database, "j1", expires_at="")
    assert admission.admit(database, "here", 2, quotas, "now") == ["j2"]


def test_a_job_is_found_by_the_beginning_of_its_id_unless_that_names_several(tmp_path: Path) -> None:
    database = Database(tmp_path)
    submit(database, ("jabc1", "a"), ("jabd2", "a"))
    assert table.get(database, "jabc").id == "jabc1"
    with pytest.raises(RequestError, match="names several jobs"):
        table.get(database, "jab")
    with pytest.raises(RequestError, match="is no job"):
        table.get(database, "jx")


def test_a_queued_job_is_cancelled_at_once_and_a_running_one_is_asked(tmp_path: Path) -> None:
    database = Database(tmp_path)
    submit(database, ("j1", "a"), ("j2", "a"))
    admission.admit(database, "here", 1, {"a": (9, 1)}, "now")
    assert table.ask_cancel(database, "j1", "cancel", "now").cancel == "cancel"
    assert table.ask_cancel(database, "j2", "cancel", "now").state == State.CANCELLED


def test_a_move_that_the_table_does_not_allow_is_refused(tmp_path: Path) -> None:
    database = Database(tmp_path)
    submit(database, ("j1", "a"))
    with pytest.raises(RequestError, match="cannot become"):
        table.move(database, "j1", State.KEPT)
