"""What reconcile takes for a difference, and what it dares to mend: from facts, without an engine."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from sandbox_suite.core.clock import utc_now
from sandbox_suite.core.findings import Finding
from sandbox_suite.core.settings import Settings, load
from sandbox_suite.engine.inventory import Item
from sandbox_suite.jobs import audit, ownership, table
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.events import Event, Journal
from sandbox_suite.jobs.model import Job, Request, State
from sandbox_suite.jobs.ownership import Owner
from sandbox_suite.jobs.reconcile import Mending, looking, mend, rules
from sandbox_suite.jobs.reconcile.model import JobFacts, Mend, StepEnd

NOW, PAST, LATER = "2026-01-01T12:00:00.000Z", "2026-01-01T11:00:00.000Z", "2026-01-01T13:00:00.000Z"
END = StepEnd("admit", 1, undo=False)


def row(state: State, lease: str = "", machine: str = "here", verdict: str = "passed") -> Job:
    asked = Request("smoke", "qa", "ann")
    return Job(1, "j1", "qa", "smoke", asked, state, machine, "", PAST, PAST, PAST, lease, verdict, 0)


def sandbox(until: str = LATER, state: str = "running") -> tuple[Item, ...]:
    parts = [Item("container", f"sbx-j1-{part}", part, "j1", "qa", part, until, state) for part in sorted(rules.PARTS)]
    return (*parts, Item("network", "sbx-j1", "n", "j1", "qa", "", until))


def facts(job: Job | None, held: tuple[Item, ...] = (), **more: Any) -> JobFacts:
    as_it_should_be = JobFacts(
        id="j1",
        row=job,
        owner=ownership.of(job, held, "here", NOW),
        attended=True,
        held=held,
        over=False,
        may_exist=bool(held),
        ended={END: "ok"},
        recorded=frozenset({END}),
        folder=job is not None,
        stack=bool(held),
        secrets=bool(held),
        report=(),
        verdict="passed",
        audit=(),
    )
    return dataclasses.replace(as_it_should_be, **more)


def found(job: JobFacts, named: bool = False) -> dict[str, Mend]:
    return {one.id: one.mend for one in rules.of_job(job, named)}


@pytest.mark.parametrize(
    "job",
    [
        facts(row(State.DONE)),
        facts(row(State.KEPT, LATER), sandbox()),
        facts(
            row(State.RUNNING), sandbox(PAST), verdict="", over=True
        ),  # it lives: however old its labels are, it is its owner
        facts(row(State.QUEUED), verdict=""),
        facts(row(State.CANCELLED, verdict=""), verdict=""),
    ],
)
def test_what_is_as_it_should_be_is_no_difference(job: JobFacts) -> None:
    assert found(job) == {}


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (facts(row(State.FAILED, verdict=""), sandbox()), {"sandbox-of-ended-job": Mend.DESTROY}),
        (facts(row(State.KEPT, LATER), may_exist=True), {"sandbox-gone": Mend.DESTROY}),
        (facts(row(State.KEPT, LATER), sandbox(state="exited")), {"sandbox-broken": Mend.NO}),
        (facts(row(State.KEPT, LATER), sandbox()[1:]), {"sandbox-broken": Mend.NO}),
        (facts(row(State.KEPT, PAST), sandbox()), {"lease-differs": Mend.LEASE}),
        (facts(row(State.KEPT, LATER), sandbox(), stack=False), {"stack-gone": Mend.NO}),
        (facts(row(State.DONE), stack=True), {"stack-left": Mend.DESTROY}),
        (facts(row(State.DONE), may_exist=True), {"stack-left": Mend.DESTROY}),
        (facts(row(State.DONE), secrets=True), {"secrets-left": Mend.SECRETS}),
        (facts(None, secrets=True, folder=True), {"secrets-left": Mend.SECRETS, "folder-without-job": Mend.NO}),
        (facts(row(State.KEPT, PAST), sandbox(PAST), over=True), {"lease-ended": Mend.DESTROY}),
        (facts(row(State.RUNNING), sandbox(), attended=False), {"job-interrupted": Mend.NO}),
        (facts(row(State.RUNNING), sandbox(PAST), attended=False, over=True), {"interrupted-too-long": Mend.DESTROY}),
        (facts(row(State.DONE), folder=False, verdict=""), {"folder-gone": Mend.NO}),
        (facts(row(State.DONE), verdict="regressed"), {"report-differs": Mend.NO}),
        (facts(row(State.DONE), verdict=""), {"report-differs": Mend.NO}),
        (facts(row(State.DONE), report=(Finding("error", "is missing", "junit.xml", "gone"),)), {"gone": Mend.NO}),
        (facts(row(State.DONE), audit=(Finding("error", "was changed", "record 2", "chain"),)), {"chain": Mend.NO}),
        (facts(row(State.DONE), recorded=frozenset()), {"audit-record-missing": Mend.RECORD}),
    ],
)
def test_a_difference_is_told_and_only_a_safe_one_is_to_be_mended(job: JobFacts, expected: dict[str, Mend]) -> None:
    assert found(job) == expected
    assert all(one.remedy for one in rules.of_job(job))


@pytest.mark.parametrize("job", [None, row(State.RUNNING, machine="another")])
def test_what_no_job_accounts_for_is_taken_only_after_its_time_or_when_asked_for_by_name(job: Job | None) -> None:
    assert found(facts(job, sandbox(LATER), folder=False)) == {"sandbox-without-job": Mend.NO}
    assert found(facts(job, sandbox(LATER), folder=False), named=True) == {"sandbox-without-job": Mend.SWEEP}
    assert found(facts(job, sandbox(PAST), folder=False)) == {"sandbox-without-job": Mend.SWEEP}


def test_one_thing_whose_time_has_not_come_or_that_names_none_keeps_all_of_them() -> None:
    mixed = (*sandbox(PAST)[:-1], sandbox(LATER)[-1])
    nameless = (*sandbox(PAST)[:-1], sandbox("")[-1])
    assert {ownership.of(None, held, "here", NOW) for held in (mixed, nameless)} == {Owner.UNKNOWN}


def test_what_the_engine_does_not_let_go_of_is_tried_again_ever_more_seldom() -> None:
    failed = [Event(n, "j1", NOW, "ended", "undo destroy", n, "failed") for n in range(1, 12)]
    assert [ownership.patience(failed[:n]) for n in (0, 1, 2, 3, 11)] == [3, 10, 20, 40, 600]
    assert ownership.patience([*failed, Event(12, "j1", NOW, "ended", "undo destroy", 12, "ok")]) == 3


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(tmp_path / "none.yaml", {"SANDBOX_HOME": str(tmp_path)})


def test_a_missing_audit_record_is_written_once_into_a_chain_that_holds(settings: Settings) -> None:
    database, job = Database(settings.home), "j1"
    asked = Request("smoke", "qa", "ann")
    table.submit(database, job, asked, NOW)
    table.move(database, job, State.RUNNING, machine="here")
    Journal(database, job, utc_now).write("ended", "undo destroy", attempt=2, outcome="failed", message="no engine")
    table.move(database, job, State.FAILED)
    audit.record(settings, job, asked, utc_now, action="job.submit", target="plan smoke", outcome="ok")
    mending = Mending(settings, database, None, utc_now, "ann")
    here = looking._Looking(settings, database, {}, NOW)

    def missing() -> list[Any]:
        told = rules.of_job(here.facts(job, table.get(database, job)))
        return [one for one in told if one.id == "audit-record-missing"]

    assert [one.target for one in missing()] == ["undo destroy#2"]
    done, failed = mend(missing(), mending, print)
    assert (len(done), failed, missing()) == (1, [], [])
    assert not looking._chain(settings.job(job))


def test_a_job_that_went_on_since_the_look_is_not_mended(settings: Settings) -> None:
    database, job = Database(settings.home), "j1"
    table.submit(database, job, Request("smoke", "qa", "ann"), NOW)
    settings.job_runtime(job).mkdir(parents=True)
    try:
        left = list(rules.of_job(facts(row(State.DONE), secrets=True)))
        done, failed = mend(left, Mending(settings, database, None, utc_now, "ann"), print)
        assert (done, failed) == ([], left)
        assert settings.job_runtime(job).is_dir()
    finally:
        settings.job_runtime(job).rmdir()
