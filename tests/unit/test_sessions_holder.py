"""The holder's life: one per installation, started when wanted, gone when nobody needs it, nobody's child."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox_suite.launch import forkserver, lives
from sandbox_suite.launch.client import Child
from sandbox_suite.sessions import holder, server
from sandbox_suite.sessions.client import Client


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "run"
    holder.stop(tmp_path / "run")


def test_ensure_starts_one_and_then_finds_it(runtime: Path) -> None:
    socket = holder.ensure(runtime)
    with Client(socket, "none") as client:
        pid = client.stat()["holder"]
        assert holder.ensure(runtime) == socket
        assert client.stat()["holder"] == pid
    assert socket.stat().st_mode & 0o777 == 0o600
    assert runtime.stat().st_mode & 0o777 == 0o700
    assert os.getsid(pid) != os.getsid(0)


def test_stop_ends_it_and_stopping_nothing_is_fine(runtime: Path) -> None:
    holder.stop(runtime)
    socket = holder.ensure(runtime)
    holder.stop(runtime)
    assert not holder.answers(socket)
    assert [record["event"] for record in holder.records(runtime)][:2] == ["started", "ended"]


def test_a_killed_holder_is_started_anew_over_its_dead_socket(runtime: Path) -> None:
    socket = holder.ensure(runtime)
    with Client(socket, "none") as client:
        os.kill(client.stat()["holder"], 9)
    while holder.answers(socket):
        pass
    assert socket.exists()
    with Client(holder.ensure(runtime), "none") as client:
        assert client.stat()["kind"] is None


def test_its_environment_is_made_of_named_variables_only() -> None:
    made = holder.environment({"PATH": "/bin", "PGPASSWORD": "x", "DOCKER_HOST": "unix:///d"})
    assert made.keys() == {"PATH", "DOCKER_HOST", "PYTHONPATH", "LC_ALL", lives.OWN_LIFE}


def test_one_that_a_child_of_the_forkserver_started_outlives_the_child(runtime: Path, tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text(
        "from pathlib import Path\nfrom sandbox_suite.sessions import holder\n"
        "def start(runtime): holder.ensure(Path(runtime))\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{forkserver.SOURCES}"}
    fork = forkserver.start(tmp_path / "f.sock", ("work",), tmp_path / "log", environment)
    with Child.start(fork.socket, "work:start", [str(runtime)], env=environment) as child:
        assert child.wait(30) == 0
    assert holder.answers(runtime / holder.SOCKET)
    fork.stop()
    assert holder.answers(runtime / holder.SOCKET)


def test_without_clients_it_ends_by_itself_and_with_one_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "IDLE_SECONDS", 0.2)
    events: list[str] = []

    def record(event: str, **_: Any) -> None:
        events.append(event)

    async def life() -> None:
        running = asyncio.create_task(server.run(tmp_path / "s", record, lambda: None))
        while not events:
            await asyncio.sleep(0.01)
        _, writer = await asyncio.open_unix_connection(tmp_path / "s")
        await asyncio.sleep(1.5)
        assert not running.done()
        writer.close()
        await asyncio.wait_for(running, 10)

    asyncio.run(life())
    assert events == ["started", "ended"]
    assert not (tmp_path / "s").exists()
