"""The life of a job, with real journal and table and steps that only say how they ended."""

import datetime
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from sandbox_suite.core.clock import iso
from sandbox_suite.core.errors import BlockedError, CancelledError, CutError, InfrastructureError, RequestError
from sandbox_suite.jobs import events, journal, table
from sandbox_suite.jobs.database import Database, NoRoomError
from sandbox_suite.jobs.execution import Execution, StepCall
from sandbox_suite.jobs.model import SIDE_BY_SIDE, STEPS, Request, State
from sandbox_suite.jobs.outcome import Outcome
from sandbox_suite.stacks.workspace import Workspace

JOB = "j0000000000001"


def clock() -> datetime.datetime:
    return datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class Steps:
    """Stands for the step processes: ends each as told, and remembers what was run."""

    def __init__(self, folder: Path, endings: dict[str, Callable[[int], Outcome | None]] | None = None) -> None:
        self.folder, self.endings, self.ran = folder, endings or {}, []

    def __call__(self, call: StepCall, cancelled: Callable[[], bool]) -> Outcome | None:
        self.ran.append(call.label)
        ending = self.endings.get(call.label, lambda attempt: Outcome("ok", attempt, made={"verdict": "passed"}))
        outcome = ending(call.attempt)
        if outcome:
            outcome.write(self.folder, call.step)
        return outcome


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path)


def start(database: Database, keep: bool = False) -> None:
    table.submit(database, JOB, Request(plan="smoke", tenant="qa", actor="ann", keep=keep), "2026-01-01T00:00:00.000Z")
    table.move(database, JOB, State.RUNNING)


def execute(database: Database, tmp_path: Path, **endings: Callable[[int], Outcome | None]) -> list[str]:
    steps = Steps(tmp_path, {name.replace("_", " "): ending for name, ending in endings.items()})
    Execution(database, JOB, tmp_path, run_step=steps, clock=clock).run()
    return steps.ran


def test_a_job_runs_every_step_in_order_and_is_done(database: Database, tmp_path: Path) -> None:
    start(database)
    ran = execute(database, tmp_path)
    assert sorted(ran, key=STEPS.index) == list(STEPS)
    assert [step for step in ran if step not in SIDE_BY_SIDE] == [step for step in STEPS if step not in SIDE_BY_SIDE]
    assert ran.index("regress") < ran.index("collect")
    job = table.get(database, JOB)
    assert (job.state, job.verdict, job.exit_code) == (State.DONE, "passed", 0)


def test_a_kept_job_is_not_destroyed_and_has_a_lease(database: Database, tmp_path: Path) -> None:
    start(database, keep=True)
    until = "2026-01-01T01:00:00.000Z"
    ran = execute(database, tmp_path, provision=lambda n: Outcome("ok", n, made={"expires_at": until}))
    assert "destroy" not in ran
    job = table.get(database, JOB)
    assert (job.state, job.expires_at) == (State.KEPT, until)


def test_what_finished_before_a_kill_does_not_run_again(database: Database, tmp_path: Path) -> None:
    start(database)
    journal_of_job = events.Journal(database, JOB, clock)
    for step in ("admit", "dataset"):
        journal_of_job.write("started", step, attempt=1)
        journal_of_job.write("ended", step, attempt=1, outcome="ok")
    journal_of_job.write("started", "provision", attempt=1)
    assert sorted(execute(database, tmp_path), key=STEPS.index) == list(STEPS[2:])
    assert journal.steps(events.read(database, JOB))["provision"].attempt == 2


def test_a_failed_step_is_rolled_back_and_its_evidence_fetched_first(database: Database, tmp_path: Path) -> None:
    start(database)
    broken = InfrastructureError("Docker went away", remedy="start it")
    ran = execute(database, tmp_path, load=lambda n: Outcome.failed(n, broken))
    assert ran[:3] == ["admit", "dataset", "provision"]
    assert set(ran[3:5]) == {"deploy", "load"}
    assert ran[5:] == ["undo collect", "undo destroy"]
    job = table.get(database, JOB)
    assert (job.state, job.exit_code) == (State.FAILED, 5)
    assert job.error is not None
    assert job.error["what"] == "Docker went away"
    assert "rolled back" in job.error["left"]


def test_a_failed_job_that_was_to_be_kept_leaves_its_sandbox(database: Database, tmp_path: Path) -> None:
    start(database, keep=True)
    ran = execute(database, tmp_path, deploy=lambda n: Outcome.failed(n, InfrastructureError("no")))
    assert set(ran[3:]) == {"deploy", "load"}
    assert table.get(database, JOB).state == State.FAILED
    assert journal.sandbox_may_exist(events.read(database, JOB))


def test_a_sandbox_that_was_to_be_kept_has_a_lease_though_its_provision_failed(
    database: Database, tmp_path: Path
) -> None:
    start(database, keep=True)
    spec = {"expires_at": "2026-01-01T01:00:00.000Z"}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Workspace, "spec", lambda place: SimpleNamespace(**spec))
        execute(database, tmp_path, provision=lambda n: Outcome.failed(n, InfrastructureError("no subnet")))
    job = table.get(database, JOB)
    assert (job.state, job.expires_at) == (State.FAILED, spec["expires_at"])


def test_a_blocked_dataset_ends_the_job_before_anything_is_provisioned(database: Database, tmp_path: Path) -> None:
    start(database)
    ran = execute(database, tmp_path, dataset=lambda n: Outcome.failed(n, BlockedError("a leak")))
    assert ran == ["admit", "dataset"]
    job = table.get(database, JOB)
    assert (job.state, job.verdict, job.exit_code) == (State.BLOCKED, "blocked", 3)


def test_a_wrong_request_is_refused(database: Database, tmp_path: Path) -> None:
    start(database)
    execute(database, tmp_path, admit=lambda n: Outcome.failed(n, RequestError("unknown plan")))
    assert table.get(database, JOB).state == State.REFUSED


def test_a_cancelled_step_is_rolled_back(database: Database, tmp_path: Path) -> None:
    start(database)

    def cancelled(attempt: int) -> Outcome:
        table.ask_cancel(Database(tmp_path), JOB, "cancel", "now")
        return Outcome.failed(attempt, CancelledError("cancelled"))

    ran = execute(database, tmp_path, regress=cancelled)
    assert ran[-1] == "undo destroy"
    assert "collect" not in ran
    job = table.get(database, JOB)
    assert (job.state, job.exit_code, job.cancel) == (State.CANCELLED, 4, "")


def test_a_rollback_that_was_cut_goes_on_and_keeps_the_first_error(database: Database, tmp_path: Path) -> None:
    start(database)
    book = events.Journal(database, JOB, clock)
    for step in ("admit", "dataset", "provision"):
        book.write("started", step, attempt=1)
        book.write("ended", step, attempt=1, outcome="failed" if step == "provision" else "ok")
    table.update(database, JOB, error={"what": "no subnet", "left": "", "remedy": ""}, exit_code=5)
    assert execute(database, tmp_path) == ["undo destroy"]
    error = table.get(database, JOB).error
    assert error is not None
    assert error["what"] == "no subnet"


def test_a_step_whose_process_was_killed_is_tried_once_more(database: Database, tmp_path: Path) -> None:
    start(database)
    ran = execute(database, tmp_path, verify=lambda n: None if n == 1 else Outcome("ok", n))
    assert ran.count("verify") == 2
    assert table.get(database, JOB).state == State.DONE


def test_a_step_one_of_whose_programs_was_killed_is_tried_once_more_and_then_fails(
    database: Database, tmp_path: Path
) -> None:
    start(database)

    def killed(attempt: int) -> Outcome:
        return Outcome.failed(attempt, CutError("Ansible was killed"))

    ran = execute(database, tmp_path, deploy=lambda n: killed(n) if n == 1 else Outcome("ok", n), regress=killed)
    assert (ran.count("deploy"), ran.count("regress")) == (2, 2)
    job = table.get(database, JOB)
    assert (job.state, job.exit_code, (job.error or {})["what"]) == (State.FAILED, 5, "Ansible was killed")


def test_a_step_that_is_killed_again_and_again_fails_the_job(database: Database, tmp_path: Path) -> None:
    start(database)
    ran = execute(database, tmp_path, verify=lambda n: None)
    assert ran.count("verify") == 2
    assert table.get(database, JOB).state == State.FAILED


def test_a_step_that_could_leave_nothing_for_want_of_room_does_not_fail_the_job(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(database)
    full = shutil.disk_usage(tmp_path)._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: full)
    with pytest.raises(NoRoomError, match="is full"):
        execute(database, tmp_path, verify=lambda n: None)
    monkeypatch.undo()
    assert table.get(database, JOB).state == State.RUNNING
    assert "verify" in execute(database, tmp_path)
    assert table.get(database, JOB).state == State.DONE


def test_destroying_a_kept_job_keeps_its_verdict(database: Database, tmp_path: Path) -> None:
    start(database, keep=True)
    execute(database, tmp_path, report=lambda n: Outcome("ok", n, made={"verdict": "regressed"}))
    table.move(database, JOB, State.RUNNING, cancel="destroy")
    assert execute(database, tmp_path) == ["undo destroy"]
    job = table.get(database, JOB)
    assert (job.state, job.verdict, job.exit_code) == (State.DONE, "regressed", 1)


def test_a_failed_job_whose_rollback_had_failed_stays_failed_when_its_sandbox_is_destroyed(
    database: Database, tmp_path: Path
) -> None:
    start(database)
    broken = InfrastructureError("no plugin", remedy="see its log")

    def fails(attempt: int) -> Outcome:
        return Outcome.failed(attempt, broken)

    execute(database, tmp_path, **{"deploy": fails, "undo destroy": fails})
    job = table.get(database, JOB)
    assert (job.state, journal.sandbox_may_exist(events.read(database, JOB))) == (State.FAILED, True)
    assert table.destroy_what_is_left(database, job, iso(clock()), "left")
    assert execute(database, tmp_path) == ["undo destroy"]
    job = table.get(database, JOB)
    assert (job.state, job.exit_code, (job.error or {})["what"]) == (State.FAILED, 5, "no plugin")
    assert "rolled back" in (job.error or {})["left"]


@pytest.mark.parametrize("state", [State.CANCELLED, State.REFUSED, State.BLOCKED])
def test_what_an_ended_job_left_without_its_journal_knowing_is_destroyed_too(
    database: Database, tmp_path: Path, state: State
) -> None:
    start(database)
    code = {State.CANCELLED: 4, State.REFUSED: 2, State.BLOCKED: 3}[state]
    error = {"what": "it ended", "left": "", "remedy": ""}
    table.move(database, JOB, state, exit_code=code, error=error, ended_at=iso(clock()))
    assert table.destroy_what_is_left(database, table.get(database, JOB), iso(clock()), "left")
    assert execute(database, tmp_path) == ["undo destroy"]
    assert (table.get(database, JOB).state, table.get(database, JOB).exit_code) == (state, code)


def test_an_error_of_ours_gives_the_job_a_final_state(database: Database, tmp_path: Path) -> None:
    start(database)

    def broken(attempt: int) -> Outcome:
        raise ZeroDivisionError

    execute(database, tmp_path, admit=broken)
    assert table.get(database, JOB).state == State.FAILED


def meeting(others: threading.Barrier) -> Callable[[int], Outcome]:
    """Return a step that ends well once the others are at work too."""

    def step(attempt: int) -> Outcome:
        others.wait()
        return Outcome("ok", attempt, made={"verdict": "passed"})

    return step


def test_steps_of_one_group_run_side_by_side_and_a_failure_of_either_stops_the_job(
    database: Database, tmp_path: Path
) -> None:
    start(database)
    both = threading.Barrier(2, timeout=10)
    verify = meeting(both)

    def regress(attempt: int) -> Outcome:
        both.wait()
        return Outcome.failed(attempt, InfrastructureError("the runner went away"))

    ran = execute(database, tmp_path, verify=verify, regress=regress)
    assert {"verify", "regress"} <= set(ran)
    assert "report" not in ran
    assert table.get(database, JOB).state == State.FAILED


def test_what_regress_left_is_collected_while_verify_goes_on(database: Database, tmp_path: Path) -> None:
    start(database)
    both = threading.Barrier(2, timeout=10)
    execute(database, tmp_path, verify=meeting(both), collect=meeting(both))
    assert table.get(database, JOB).state == State.DONE


def test_the_report_is_written_while_the_sandbox_is_removed(database: Database, tmp_path: Path) -> None:
    start(database)
    both = threading.Barrier(2, timeout=10)
    execute(database, tmp_path, report=meeting(both), destroy=meeting(both))
    assert table.get(database, JOB).state == State.DONE


def test_a_report_that_failed_is_said_to_have_left_no_sandbox(database: Database, tmp_path: Path) -> None:
    start(database)
    ran = execute(database, tmp_path, report=lambda n: Outcome.failed(n, InfrastructureError("no room")))
    job = table.get(database, JOB)
    assert not {step for step in ran if step.startswith("undo")}
    assert job.state == State.FAILED
    assert job.error is not None
    assert job.error["left"] == "the sandbox is removed; the job's folder keeps what was collected"


def test_a_lane_that_is_cancelled_begins_no_further_step(database: Database, tmp_path: Path) -> None:
    start(database)

    def cancelled(attempt: int) -> Outcome:
        table.ask_cancel(Database(tmp_path), JOB, "cancel", "now")
        return Outcome("ok", attempt)

    ran = execute(database, tmp_path, regress=cancelled)
    assert "collect" not in ran
    assert table.get(database, JOB).state == State.CANCELLED
