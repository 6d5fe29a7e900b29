"""Leases that end while nobody looks, state that is lost: in the end nothing is left, and a neighbour is untouched."""

import json
import os
import shutil
import signal
from collections.abc import Iterator

import docker
import pytest

from sandbox_suite.jobs import service, table
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.model import State
from sandbox_suite.toolchain.images import references
from tests.chaos.family import Family
from tests.chaos.waiting import until
from tests.e2e.conftest import Invoke
from tests.e2e.traces import Traces


@pytest.fixture
def neighbour() -> Iterator[str]:
    """A container of somebody else's, with labels like ours of another installation, long expired."""
    client = docker.APIClient(version="auto")
    worn = {"sandbox-suite.installation": "0" * 12, "sandbox-suite.job": "j0", "sandbox-suite.expires-at": "2020"}
    made = client.create_container(references()["database"], ["sleep", "600"], labels=worn)["Id"]
    client.start(made)
    yield made
    assert client.inspect_container(made)["State"]["Running"]
    client.remove_container(made, force=True)
    client.close()


def kept(invoke: Invoke) -> str:
    run = invoke("sandbox.run", "--plan", "smoke", "--keep", "--json")
    assert run.json["sandbox"]["kept"] is True, run.err
    return str(run.json["job"])


def end_worker(invoke: Invoke) -> None:
    """Kill the worker as nothing can prepare for."""
    status = json.loads(invoke("ops.worker", "--status", "--json").out)
    os.kill(status["pid"], signal.SIGKILL)
    until(lambda: not service.alive(invoke.home), "the worker ends")


@pytest.mark.docker
@pytest.mark.slow
def test_a_kept_sandbox_expires_though_its_state_was_lost_and_its_worker_killed(
    invoke: Invoke, traces: Traces, neighbour: str
) -> None:
    before = traces.left()
    job, database = kept(invoke), Database(invoke.home)
    until(lambda: Family(invoke.home).of("watch"), "its lease is watched")
    end_worker(invoke)
    shutil.rmtree(invoke.home / "jobs" / job)
    assert invoke("ops.reconcile").code == 1, "its folder and its stack are gone"
    table.update(database, job, expires_at="2020-01-01T00:00:00.000Z")  # and nobody asks for anything any more
    until(lambda: traces.left()["docker"] == before["docker"], "the sandbox is reaped", seconds=120)
    until(lambda: table.get(database, job).state in (State.DONE, State.CANCELLED), "the job ends")
    left = traces.left()
    assert (left["stacks"], left["secrets"]) == (before["stacks"], before["secrets"])
    told = invoke("ops.reconcile", "--apply", "--job", job, "--json").json
    assert {one["id"] for one in told["mended"]} == {"audit-record-missing"}, told
    assert invoke("ops.reconcile", "--apply", "--json").json["mended"] == []


@pytest.mark.docker
@pytest.mark.slow
def test_a_rollback_that_failed_is_made_good_by_the_worker_alone(
    invoke: Invoke, traces: Traces, neighbour: str
) -> None:
    before = traces.left()
    job, database = kept(invoke), Database(invoke.home)
    with database.write(job) as run:  # as `destroy` leaves it when the engine does not let go
        error = {"what": "the engine does not let go", "left": "", "remedy": ""}
        table.set_columns(run, job, {"state": State.FAILED, "expires_at": "", "exit_code": 5, "error": error})
    until(lambda: traces.left()["docker"] == before["docker"], "the sandbox is swept", seconds=120)
    until(lambda: table.get(database, job).state == State.DONE, "the job has its verdict's end", seconds=60)
    assert table.get(database, job).verdict == "passed"
