"""Sessions into hardened containers, through a holder of their own: life, files, checks, and what goes wrong there."""

import io
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sessions_container import USER, container, docker, processes, running

from sandbox_suite.sessions import holder
from sandbox_suite.sessions.client import Client
from sandbox_suite.sessions.errors import SessionError, SessionFileError

pytestmark = pytest.mark.docker
# A `python3` found before the real one: it greets like an agent, then floods.
LIAR = """#!/usr/bin/python3
import os, struct, time
os.write(1, struct.pack(">cIIHBBBI", b"H", 0, 9, 1, 3, 11, 1, 7))
time.sleep(0.3)
os.write(1, struct.pack(">cII", b"O", 77, 1 << 30))
time.sleep(600)
"""


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    runtime = tmp_path_factory.mktemp("run")
    yield runtime
    holder.stop(runtime)


@pytest.fixture(scope="module")
def box() -> Iterator[str]:
    with container(f"--user={USER}") as name:
        yield name


@pytest.fixture
def client(runtime: Path, box: str) -> Iterator[Client]:
    with Client(holder.ensure(runtime), box, USER) as client:
        yield client


def test_commands_and_files_need_nothing_but_python_inside(client: Client) -> None:
    done = client.exec("id -un; touch /x; echo $?")
    assert done.out == b"powerx\n1\n"
    assert b"Read-only file system" in done.err
    data = os.urandom(20_000_000)
    client.put(data, "/tmp/big")
    back = io.BytesIO()
    client.get("/tmp/big", back)
    assert back.getvalue() == data
    client.exec(["rm", "/tmp/big"])
    facts = client.stat()
    assert (facts["kind"], facts["hidden"]) == ("agent", True)


def test_the_plugins_own_user_cannot_look_into_the_agent(client: Client) -> None:
    assert b"Permission denied" in client.exec("cat /proc/$PPID/environ; echo x > /proc/$PPID/fd/3").err


def test_a_full_disk_fails_the_put_alone_and_leaves_no_half_file(client: Client) -> None:
    with pytest.raises(SessionFileError, match=r"cannot write /tmp/huge: No space left on device"):
        client.put(b"x" * (70 << 20), "/tmp/huge")
    assert client.exec("ls /tmp/huge").rc == 2


def test_one_holder_serves_an_installation_even_when_many_start_it_at_once(runtime: Path, box: str) -> None:
    holder.stop(runtime)
    pids: list[int] = []

    def work() -> None:
        with Client(holder.ensure(runtime), box, USER) as client:
            client.exec(["true"])
            pids.append(client.stat()["holder"])

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(pids) == 6
    assert len(set(pids)) == 1
    assert (runtime / holder.SOCKET).stat().st_mode & 0o777 == 0o600


def test_a_client_starts_the_holder_again_when_it_is_gone(runtime: Path, box: str) -> None:
    socket = holder.ensure(runtime)
    with Client(socket, box, USER) as client:
        first = client.stat()["holder"]
    holder.stop(runtime)
    assert not holder.answers(socket)
    with Client(socket, box, USER) as client:
        assert client.exec(["echo", "hi"]).out == b"hi\n"
        assert client.stat()["holder"] != first


def test_a_stopped_holder_leaves_no_agent_and_nothing_running(runtime: Path) -> None:
    with container() as name, Client(holder.ensure(runtime), name) as client:

        def work() -> None:
            with pytest.raises(SessionError, match="the holder"):
                client.exec("sleep 599")

        thread = threading.Thread(target=work)
        thread.start()
        while "sleep 599" not in processes(name):
            time.sleep(0.05)
        holder.stop(runtime)
        thread.join(20)
        while "python3" in processes(name) or "sleep 599" in processes(name):
            time.sleep(0.05)


def test_a_holders_environment_holds_no_secret_of_its_starter(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    holder.stop(runtime)
    monkeypatch.setenv("PGPASSWORD", "-".join(["plan", "ted"]))
    with Client(holder.ensure(runtime), "none") as client:
        pid = client.stat()["holder"]
    assert b"plan-ted" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_a_liar_is_killed_with_its_container_and_that_is_on_record(runtime: Path) -> None:
    with container("--tmpfs=/evil:exec,mode=1777", "--env=PATH=/evil:/usr/bin:/bin") as name:
        docker("exec", "-i", name, "sh", "-c", "cat > /evil/python3; chmod +x /evil/python3", stdin=LIAR)
        with Client(holder.ensure(runtime), name) as client, pytest.raises(SessionError) as caught:
            client.exec(["true"], timeout=10)
        assert "broke the session protocol (a frame of 1073741824 bytes" in str(caught.value)
        assert not running(name)
    found = [record for record in holder.records(runtime) if record["event"] == "violation"]
    assert found[-1]["container"] == name
    assert found[-1]["done"] == "its container was killed"


def test_a_container_removed_under_a_request_ends_it_at_once(runtime: Path) -> None:
    with container() as name, Client(holder.ensure(runtime), name) as client:
        client.exec(["true"])
        remover = threading.Timer(0.3, docker, ("rm", "-f", name))
        remover.start()
        with pytest.raises(SessionError, match="the session ended"):
            client.exec(["sleep", "500"], timeout=500)
        remover.join()
        with pytest.raises(SessionError, match="No such container") as caught:
            client.exec(["true"])
        assert caught.value.explanation.left == "nothing was begun"


def test_no_container_no_user_and_a_stopped_container_are_told_apart(runtime: Path, box: str) -> None:
    socket = holder.ensure(runtime)
    with pytest.raises(SessionError, match="No such container"):
        Client(socket, "ses-none").exec("true")
    with pytest.raises(SessionError, match="is no container name"):
        Client(socket, "../x").exec("true")
    with pytest.raises(SessionError, match="unable to find user nobody-here"):
        Client(socket, box, "nobody-here").exec("true")
    with container() as name:
        docker("kill", name)
        with pytest.raises(SessionError, match="is not running"):
            Client(socket, name).exec("true")


def test_without_python_plain_execs_do_the_same_more_slowly(runtime: Path, tmp_path: Path) -> None:
    with container("--env=PATH=/nothing:/bin2", "--tmpfs=/bin2:exec,mode=1777") as name:
        docker(
            "exec",
            name,
            "/usr/bin/sh",
            "-c",
            "cd /usr/bin; /usr/bin/ln -s $PWD/sh $PWD/cat $PWD/chmod $PWD/sleep /bin2",
        )
        with Client(holder.ensure(runtime), name) as client:
            assert client.exec("cat; echo err >&2; echo $A; exit 4", stdin=b"in\n", env={"A": "a b"}) == (
                4,
                b"in\na b\n",
                b"err\n",
            )
            assert client.exec("pwd", cwd="/tmp").out == b"/tmp\n"
            client.put(b"q" * 300_000, "/tmp/q", mode=0o640)
            client.get("/tmp/q", tmp_path / "q")
            assert (tmp_path / "q").read_bytes() == b"q" * 300_000
            with pytest.raises(SessionFileError, match="cannot write /proc/x: "):
                client.put(b"x", "/proc/x")
            with pytest.raises(SessionError, match=r"not done within 0.5 s"):
                client.exec("sleep 598", timeout=0.5)
            assert client.stat()["kind"] == "plain"
            while "sleep 598" in processes(name):
                time.sleep(0.05)


def test_testinfra_runs_its_checks_over_the_session(client: Client) -> None:
    from sandbox_suite.sessions.testinfra import host

    box = host(client)
    assert box.file("/etc/passwd").contains("powerx")
    assert box.user().name == "powerx"
    assert box.run("printf %s", "it's").stdout == "it's"
    assert not box.file("/nope").exists
    assert client.stat()["kind"] == "agent"
