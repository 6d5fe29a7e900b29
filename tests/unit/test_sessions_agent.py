"""The real agent, holder and client over a pipe to a local process: what a session does, without a container."""

import io
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sessions_local import LocalEngine, serving

from sandbox_suite.sessions.client import Client, Completed
from sandbox_suite.sessions.errors import SessionError, SessionFileError, SessionTimeoutError


@pytest.fixture(scope="module")
def socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("sessions") / "test.sock"
    with serving(LocalEngine(), path):
        yield path


@pytest.fixture
def client(socket: Path) -> Iterator[Client]:
    with Client(socket, "box", "me") as client:
        yield client


def gone(pid: int) -> bool:
    for _ in range(500):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


def appears(path: Path) -> int:
    for _ in range(1000):
        if path.exists() and path.read_text().strip():
            return int(path.read_text())
        time.sleep(0.01)
    raise AssertionError(f"{path} was not written")


def test_a_text_is_run_by_the_shell_and_a_list_is_run_as_it_is(client: Client) -> None:
    assert client.exec("echo out; echo err >&2; exit 3") == Completed(3, b"out\n", b"err\n")
    assert client.exec(["echo", "$HOME; *"]) == Completed(0, b"$HOME; *\n", b"")


def test_input_environment_and_folder_arrive(client: Client, tmp_path: Path) -> None:
    done = client.exec('cat; printf %s "$GREETING"; pwd', stdin=b"in ", env={"GREETING": "hé "}, cwd=str(tmp_path))
    assert done == Completed(0, f"in hé {tmp_path}\n".encode(), b"")


def test_a_signal_is_told_as_a_shell_tells_it(client: Client) -> None:
    assert client.exec("kill -9 $$").rc == 137


def test_what_cannot_be_started_ends_with_126_or_127_and_says_why(client: Client, tmp_path: Path) -> None:
    assert client.exec(["no-such-program"]) == Completed(127, b"", b"no-such-program: No such file or directory")
    assert client.exec([str(tmp_path)]).rc == 126
    assert client.exec("true", cwd="/no/such/folder").rc == 127


def test_bytes_that_are_no_text_pass_in_arguments_names_and_output(client: Client, tmp_path: Path) -> None:
    odd = os.fsdecode(bytes(tmp_path) + b"/\xff\xfe")
    assert client.exec([b"printf", b"%s", b"\xff\xfe"]).out == b"\xff\xfe"
    client.put(b"\x00\xff", odd)
    assert client.exec(["cat", odd]).out == b"\x00\xff"


def test_megabytes_pass_through_the_windows_both_ways_at_once(client: Client) -> None:
    data = os.urandom(5 << 20)
    assert client.exec(["cat"], stdin=data).out == data
    assert client.exec(["true"], stdin=data) == Completed(0, b"", b"")


def test_an_open_file_can_be_the_input(client: Client) -> None:
    assert client.exec(["wc", "-c"], stdin=io.BytesIO(b"x" * 3_000_000)).out.strip() == b"3000000"


def test_a_file_is_put_with_its_mode_and_got_back(client: Client, tmp_path: Path) -> None:
    data = os.urandom(3 << 20)
    (tmp_path / "source").write_bytes(data)
    client.put(tmp_path / "source", str(tmp_path / "there"), mode=0o600)
    assert (tmp_path / "there").stat().st_mode & 0o777 == 0o600
    client.get(str(tmp_path / "there"), tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == data
    client.put(b"short", str(tmp_path / "there"))
    assert (tmp_path / "there").read_bytes() == b"short"


def test_files_that_cannot_be_are_told_with_the_reason(client: Client, tmp_path: Path) -> None:
    with pytest.raises(SessionFileError, match=r"cannot write /no/such: .*No such file or directory"):
        client.put(b"x", "/no/such")
    with pytest.raises(SessionFileError, match="cannot read /dev/zero: /dev/zero: not a regular file"):
        client.get("/dev/zero", io.BytesIO())
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(SessionFileError, match=r"No such device or address|not a regular file"):
        client.put(b"x", str(tmp_path / "fifo"))
    assert client.exec(["true"]).rc == 0


def test_the_time_limit_ends_the_whole_family(client: Client, tmp_path: Path) -> None:
    line = f"sleep 600 & echo $! > {tmp_path}/a; setsid sleep 600 & echo $! > {tmp_path}/b; wait"
    with pytest.raises(SessionTimeoutError, match=r"me@box: not done within 0.5 s"):
        client.exec(line, timeout=0.5)
    assert gone(appears(tmp_path / "a"))
    assert gone(appears(tmp_path / "b"))
    assert client.exec(["true"]).rc == 0


def test_hanging_up_cancels_what_is_under_way(socket: Path, tmp_path: Path) -> None:
    client = Client(socket, "box", "me")
    failed: list[Exception] = []

    def work() -> None:
        try:
            client.exec(f"echo $$ > {tmp_path}/pid; sleep 600", timeout=60)
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    pid = appears(tmp_path / "pid")
    assert client._line
    client._line.shutdown(2)
    thread.join(20)
    assert gone(pid)
    assert isinstance(failed[0], SessionError)


def test_a_process_left_in_the_background_lives_on_and_is_not_waited_for(client: Client, tmp_path: Path) -> None:
    assert client.exec(f"sleep 600 & echo $! > {tmp_path}/pid; echo done").out == b"done\n"
    pid = appears(tmp_path / "pid")
    os.kill(pid, 0)
    os.kill(pid, signal.SIGKILL)


def test_more_output_than_the_client_keeps_is_refused_and_its_maker_ended(client: Client, tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="more than 2097152 bytes of output"):
        client.exec(f"echo $$ > {tmp_path}/pid; exec yes", most=2 << 20)
    assert gone(appears(tmp_path / "pid"))


def test_a_client_that_does_not_read_holds_up_no_other(socket: Path, client: Client) -> None:
    slow = Client(socket, "box", "me")
    line = slow._dial()
    from sandbox_suite.sessions.client import Sender

    sender = Sender({"op": "exec", "argv": ["yes"], "container": "box", "user": "me", "timeout": 60}, b"")
    while waiting := sender.waiting():
        sender.sent(line.send(waiting))
    assert [client.exec(["echo", str(number)]).out for number in range(20)][-1] == b"19\n"
    slow.close()


def test_many_clients_share_one_session(socket: Path) -> None:
    outputs: list[bytes] = []

    def work(number: int) -> None:
        with Client(socket, "box", "me") as client:
            outputs.extend(client.exec(["echo", f"{number}-{turn}"]).out for turn in range(10))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outputs) == sorted(f"{number}-{turn}\n".encode() for number in range(6) for turn in range(10))
    with Client(socket, "box", "me") as client:
        assert client.stat()["openings"] == 1


def test_a_killed_agent_fails_its_requests_and_the_next_opens_anew(tmp_path: Path) -> None:
    with serving(LocalEngine(), tmp_path / "s") as records, Client(tmp_path / "s", "box") as client:
        with pytest.raises(SessionError, match=r"box: the session ended \(agent or container gone\)"):
            client.exec("kill -9 $PPID; sleep 5")
        assert client.exec("echo again").out == b"again\n"
        assert client.stat()["openings"] == 2
    assert [event for event, _ in records] == ["reopened"]


def test_other_processes_of_the_same_user_cannot_look_into_the_agent(client: Client) -> None:
    if os.getuid() == 0:
        pytest.skip("root may look into every process")
    assert client.stat()["hidden"]
    assert b"Permission denied" in client.exec("ls /proc/$PPID/fd").err


def test_opening_ahead_answers_at_once_and_the_session_is_there(tmp_path: Path) -> None:
    with serving(LocalEngine(), tmp_path / "s"), Client(tmp_path / "s", "box") as client:
        assert client.stat()["kind"] is None
        client.open()
        facts: dict[str, Any] = {}
        while facts.get("kind") is None:
            facts = client.stat()
        assert (facts["kind"], facts["openings"], facts["requests"]) == ("agent", 1, 0)


def test_without_a_holder_the_error_says_where_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match=r"no holder of sessions answers at .*/none\.sock\n.*\nhint: start one"):
        Client(tmp_path / "none.sock", "box").exec("true")
