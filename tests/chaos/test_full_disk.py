"""A disk that is really full: what is asked for is refused, what runs waits, and goes on once there is room."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox_suite.core.clock import new_job_id, utc_now
from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.settings import CHECKOUT, Settings, load
from sandbox_suite.jobs import control, service, table
from sandbox_suite.jobs.database import connect
from sandbox_suite.jobs.model import Request, State
from tests.chaos.waiting import until

MEBIBYTES = 8


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home on a file system of its own, of a few mebibytes."""
    place = tmp_path / "home"
    place.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={MEBIBYTES}m", "tmpfs", place], capture_output=True
    ).returncode:
        pytest.skip("who runs this may not mount a file system")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    ours = {"SANDBOX_HOME": str(home), "SANDBOX_CAPACITY": "2", "SANDBOX_IDLE_SECONDS": "600"}
    return {key: value for key, value in os.environ.items() if not key.startswith("SANDBOX_")} | ours


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    """The settings of who submits: no worker is started by it."""
    return load(Path("/nowhere"), {**environment, "SANDBOX_CAPACITY": "0"})


@pytest.fixture
def worker(environment: dict[str, str], settings: Settings, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker whose steps are stubbed; its log is on another disk."""
    with (tmp_path / "worker.out").open("wb") as out:
        command = [sys.executable, "-m", "tests.chaos.queue_worker"]
        process = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=out, stderr=out)
    until(lambda: service.alive(settings.home), "the worker lives")
    yield process
    process.send_signal(signal.SIGCONT)
    process.terminate()
    process.wait(30)


def submit(settings: Settings) -> str:
    return control.submit(settings, Request("smoke", "qa", "ann"), new_job_id(utc_now()), utc_now)


def fill(home: Path) -> Path:
    """Take all the room there is."""
    filler = home / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    return filler


def test_what_runs_on_a_full_disk_waits_and_goes_on_once_there_is_room(
    settings: Settings, worker: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    submit(settings)
    database = connect(settings)
    until(lambda: len(table.in_state(database, State.DONE)) == 1, "the first job ends")
    worker.send_signal(signal.SIGSTOP)
    jobs = [submit(settings) for _ in range(2)]
    filler = fill(settings.home)
    with pytest.raises(InfrastructureError) as refused:
        submit(settings)
    assert "No space left" in str(refused.value) or "full" in str(refused.value)
    worker.send_signal(signal.SIGCONT)
    until(lambda: "full" in (tmp_path / "worker.out").read_text(), "the worker tells")
    assert not table.in_state(database, State.FAILED)
    filler.unlink()
    until(lambda: all(table.get(database, job).state == State.DONE for job in jobs), "they go on by themselves")
    assert database.read("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
