"""Machines that share a database: signs of life, and what becomes of the jobs of one that is lost."""

import datetime
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from sandbox_suite.core.clock import iso, utc_now
from sandbox_suite.core.settings import CHECKOUT, Settings, load
from sandbox_suite.jobs import attendance, events, journal, machines, table
from sandbox_suite.jobs.database import Database, connect
from sandbox_suite.jobs.events import Journal
from sandbox_suite.jobs.execution import StepCall
from sandbox_suite.jobs.model import Request, State
from sandbox_suite.jobs.outcome import Outcome
from sandbox_suite.jobs.policies import Machines
from sandbox_suite.jobs.worker import Worker
from tests.chaos.postgres_server import Server, binaries, server

NOW = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    if not binaries():
        pytest.skip("no PostgreSQL on this machine")
    with server() as one:
        yield one


@pytest.fixture
def database(postgres: Server, tmp_path: Path) -> Iterator[Database]:
    one = Database(tmp_path, postgres.url)
    for name in ("job", "event", "tenant", "machine"):
        with one.write() as run:
            run(f"DELETE FROM {name}")
    yield one
    one.close()


def given(database: Database, job: str, machine: str, state: State = State.RUNNING, **more: object) -> None:
    """Leave a job of a machine, with a sandbox."""
    plugin = str(more.pop("plugin", ""))
    table.submit(database, job, Request("smoke", "qa", "ann", plugin=plugin), iso(NOW))
    table.move(database, job, State.RUNNING, machine=machine, claim=1, admitted_at=iso(NOW))
    Journal(database, job, lambda: NOW).write("started", "provision", attempt=1)
    table.move(database, job, state, **more)


def silence(database: Database, machine: str, seconds: float) -> None:
    with database.write() as run:
        run("UPDATE machine SET seen = seen - :seconds WHERE id = :machine", seconds=seconds, machine=machine)


def test_a_machine_that_is_silent_for_too_long_loses_its_jobs_and_one_that_is_not_keeps_them(
    database: Database,
) -> None:
    for machine in ("lost", "well", "stopped"):
        machines.beat(database, machine, 2, "stopped" if machine == "stopped" else "alive")
        given(database, f"j-{machine}", machine)
    silence(database, "lost", 31)
    silence(database, "well", 29)
    silence(database, "stopped", 500)
    (said,) = machines.take_from_lost(database, Machines(), NOW)
    assert "j-lost is queued" in said
    assert {job.id: job.state for job in table.latest(database)} == {
        "j-lost": State.QUEUED,
        "j-well": State.RUNNING,
        "j-stopped": State.RUNNING,
    }
    job = table.get(database, "j-lost")
    assert (job.machine, job.pinned, job.claim) == ("", "", 2)
    past = events.read(database, job.id)
    assert journal.finished(past) == []
    assert not journal.sandbox_may_exist(past)
    assert machines.take_from_lost(database, Machines(), NOW) == []


@pytest.mark.parametrize(
    ("state", "more", "policy", "found", "code"),
    [
        (State.RUNNING, {}, "requeue", State.QUEUED, None),
        (State.RUNNING, {}, "fail", State.FAILED, 5),
        (State.RUNNING, {"plugin": "/a/folder"}, "requeue", State.FAILED, 5),
        (State.RUNNING, {"cancel": "cancel"}, "requeue", State.CANCELLED, 4),
        (State.KEPT, {"expires_at": "2026-01-01T13:00:00.000Z", "exit_code": 0}, "requeue", State.DONE, 0),
        (State.FAILED, {"expires_at": "2026-01-01T13:00:00.000Z", "exit_code": 5}, "requeue", State.FAILED, 5),
        (State.DONE, {"exit_code": 0}, "requeue", State.DONE, 0),
    ],
)
def test_what_becomes_of_a_lost_machines_job(
    database: Database, state: State, more: dict[str, object], policy: str, found: State, code: int | None
) -> None:
    machines.beat(database, "lost", 2)
    given(database, "j1", "lost", state, **more)
    silence(database, "lost", 60)
    machines.take_from_lost(database, Machines(lost_jobs=policy), NOW)  # type: ignore[arg-type]
    job = table.get(database, "j1")
    assert (job.state, job.exit_code, job.expires_at) == (found, code, "")
    if found == State.FAILED and state == State.RUNNING:
        assert job.error is not None
        assert "was lost while it had the job" in job.error["what"]
        assert "sandbox.retry" in job.error["remedy"]


def test_a_machine_that_comes_back_is_told_that_it_was_lost_and_which_jobs_left_it(database: Database) -> None:
    assert machines.beat(database, "m", 2) == ""
    given(database, "j1", "m")
    silence(database, "m", 60)
    machines.take_from_lost(database, Machines(), NOW)
    assert machines.lost_here(database, "m") == ["j1"]
    assert machines.beat(database, "m", 2) == "lost"
    assert machines.beat(database, "m", 2) == "alive"
    table.update(database, "j1", machine="m")  # it came here again
    assert machines.lost_here(database, "m") == []


class Steps:
    """Steps that take a moment, and say where they ran."""

    def __init__(self, settings: Settings, name: str, ran: list[tuple[str, str, str]]) -> None:
        self.settings, self.name, self.ran = settings, name, ran
        self.hold = threading.Event()
        self.held: set[str] = set()

    def run_step(self, call: StepCall, cancelled: Callable[[], bool]) -> Outcome | None:
        self.ran.append((self.name, call.job, call.label))
        if call.step == "provision" and not call.undo:
            (self.settings.job(call.job) / "stack").mkdir(parents=True, exist_ok=True)
        if call.step == "load" and call.job in self.held:
            self.hold.wait(20)
        done = Outcome("ok", call.attempt, made={"verdict": "passed"})
        done.write(self.settings.job(call.job), f"undo-{call.step}" if call.undo else call.step)
        return done

    def sweep(self) -> None: ...

    def stop(self) -> None: ...


def installation(tmp_path: Path, name: str, url: str) -> Settings:
    config = tmp_path / "config"
    if not config.exists():
        (config / "sandbox").mkdir(parents=True)
        rules = yaml.safe_load((CHECKOUT / "config/sandbox/resource_policies.yaml").read_text())
        rules["machines"] = {"lost_after_seconds": 5}
        (config / "sandbox" / "resource_policies.yaml").write_text(yaml.safe_dump(rules))
    environment = {"SANDBOX_HOME": str(tmp_path / name), "SANDBOX_CONFIG": str(config), "SANDBOX_DATABASE": url}
    return load(tmp_path / "none.yaml", environment)


def wait_for(what: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def test_two_machines_share_the_queue_and_one_takes_over_what_the_other_loses(
    postgres: Server, database: Database, tmp_path: Path
) -> None:
    ran: list[tuple[str, str, str]] = []
    places = {name: installation(tmp_path, name, postgres.url) for name in ("one", "two")}
    steps = {name: Steps(place, name, ran) for name, place in places.items()}
    said: list[str] = []
    workers = {name: Worker(place, steps[name], said.append) for name, place in places.items()}
    threads = {name: threading.Thread(target=worker.run, daemon=True) for name, worker in workers.items()}
    steps["one"].held = {"j1"}
    threads["one"].start()
    table.submit(database, "j1", Request("smoke", "default", "ann"), iso(utc_now()))
    wait_for(lambda: ("one", "j1", "load") in ran)
    # The first machine falls silent: its worker hangs, and the step it is at does not end.
    workers["one"].stopping.set()
    threads["one"].join()
    silence(database, workers["one"].machine, 60)
    threads["two"].start()
    wait_for(lambda: table.get(database, "j1").state == State.DONE)
    job = table.get(database, "j1")
    assert (job.machine, job.verdict) == (workers["two"].machine, "passed")
    assert (places["two"].job("j1") / "request.json").exists()
    assert next(label for name, _, label in ran if name == "two") == "admit"
    # It comes back: what it had begun is fenced off, and what it had made is removed.
    wait_for(lambda: not any(thread.is_alive() for thread in workers["two"].threads.values()))
    before = len(events.read(database, "j1"))
    steps["one"].hold.set()
    wait_for(lambda: not any(thread.is_alive() for thread in workers["one"].threads.values()))
    back = Worker(places["one"], steps["one"], said.append)
    returned = threading.Thread(target=back.run, daemon=True)
    returned.start()
    wait_for(lambda: ("one", "j1", "undo destroy") in ran)
    assert len(events.read(database, "j1")) == before
    assert table.get(database, "j1").state == State.DONE
    assert any("no longer this worker's" in line for line in said)
    assert attendance.look(database, places["one"])(job) is True
    for worker, thread in ((back, returned), (workers["two"], threads["two"])):
        worker.stopping.set()
        thread.join()
        worker.leave()
    assert {machine.state for machine in machines.known(database).values()} == {"stopped"}
    assert attendance.look(database, places["one"])(job) is False


def test_a_machines_limits_go_by_its_host_name(tmp_path: Path) -> None:
    place = installation(tmp_path, "one", "")
    from sandbox_suite.jobs import policies

    text = yaml.safe_load((place.config / policies.PLACE).read_text())
    text |= {"host": {"jobs": 7}, "hosts": {os.uname().nodename: {"sandboxes": 3}}}
    (place.config / policies.PLACE).write_text(yaml.safe_dump(text))
    room = machines.rules(policies.resources(place.config), place).room
    assert (room.jobs, room.sandboxes) == (place.capacity, 3)


def test_on_one_machine_what_an_earlier_worker_had_is_taken_over_whatever_it_was_called(tmp_path: Path) -> None:
    database = connect(installation(tmp_path, "one", ""))
    given(database, "j1", "former-host-name")
    machines.adopt(database, "here")
    job = table.get(database, "j1")
    assert (job.machine, job.claim) == ("here", 2)
