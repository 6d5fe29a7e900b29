"""A forkserver starts children in milliseconds, and nothing of a child outlives it, its caller or the forkserver."""

import fcntl
import os
import signal
import socket as sockets
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox_suite.launch import forkserver, lives
from sandbox_suite.launch.client import Child
from sandbox_suite.launch.forkserver import Forkserver, LaunchError

WORK = """
import os, random, subprocess, sys, time
from sandbox_suite.core.errors import BlockedError

def code(number): return number
def say(*words): print(*words); print("to stderr", file=sys.stderr)
def where(): print(os.getcwd(), sorted(os.environ), os.environ["GREETING"])
def fail(): raise ValueError("no luck")
def blocked(): raise BlockedError("a leak", remedy="mask it")
def leave(): sys.exit("left early")
def chance(): print(random.random())
def sleep(): time.sleep(600)
def copy(): sys.stdout.write(sys.stdin.read().upper())
def write(descriptor): os.write(descriptor, b"through"); return 0

def daemon(path, stay):
    # An orphan in a session of its own that ignores SIGTERM and writes its pid to `path`.
    env = dict(os.environ, **({"SANDBOX_OWN_LIFE": "test"} if stay == "own" else {}))
    program = os.path.join(os.path.dirname(__file__), "stubborn.py")
    subprocess.Popen(["sh", "-c", 'exec "$@" &', "sh", sys.executable, program, path], env=env)
    while not os.path.exists(path) or not open(path).read(): time.sleep(0.01)
    if stay == "sleep": time.sleep(600)
"""
STUBBORN = """
import os, signal, sys, time
os.setsid()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)
"""
STARTER = """
import sys, time
from pathlib import Path
from sandbox_suite.launch import forkserver
from sandbox_suite.launch.client import Child
place = Path(sys.argv[1])
server = forkserver.start(place / "starter.sock", ("work",), place / "log")
child = Child.start(server.socket, "work:daemon", [sys.argv[2], "sleep"], grace=0.2)
print(server.pid, child.pid, flush=True)
time.sleep(600)
"""
THREADED = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("launch")
    for name, text in (("work", WORK), ("stubborn", STUBBORN), ("threaded", THREADED)):
        (place / f"{name}.py").write_text(text)
    return place


def started(place: Path, name: str, preload: tuple[str, ...] = ("work",)) -> Forkserver:
    return forkserver.start(place / name, preload, place / "log", {**os.environ, "PYTHONPATH": str(place)})


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Forkserver]:
    server = started(place, "shared.sock")
    yield server
    server.stop()


@pytest.fixture
def run(server: Forkserver, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    def run(target: str, *args: object, env: dict[str, str] | None = None) -> tuple[int, str]:
        log = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        with Child.start(server.socket, f"work:{target}", args, env=env, cwd=tmp_path, stdout_path=log) as child:
            return child.wait(30), log.read_text()

    return run


def gone(pid: int) -> bool:
    """Wait for the end of a process that is not ours to wait for."""
    for _ in range(500):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


def written_pid(path: Path) -> int:
    for _ in range(1000):
        if path.exists() and path.read_text():
            return int(path.read_text())
        time.sleep(0.01)
    raise AssertionError(f"{path} was not written")


def test_a_childs_number_is_its_exit_code(run: Callable[..., tuple[int, str]]) -> None:
    assert run("code", 7) == (7, "")
    assert run("code", None)[0] == 0


def test_output_of_both_streams_is_appended_to_the_file(server: Forkserver, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("before\n")
    with Child.start(server.socket, "work:say", ["one", 2], stdout_path=tmp_path / "log") as child:
        assert child.wait(30) == 0
    assert (tmp_path / "log").read_text() == "before\none 2\nto stderr\n"


def test_a_child_has_its_callers_folder_and_only_its_callers_environment(
    run: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    assert run("where", env={"GREETING": "hello"}) == (0, f"{tmp_path} ['GREETING'] hello\n")


def test_an_exception_is_a_traceback_and_a_user_error_its_words_and_code(run: Callable[..., tuple[int, str]]) -> None:
    code, text = run("fail")
    assert code == 1
    assert "ValueError: no luck" in text
    assert run("blocked") == (3, "a leak\nleft as it was: nothing was changed\nhint: mask it\n")
    assert run("leave") == (1, "left early\n")


def test_an_unknown_target_is_told(run: Callable[..., tuple[int, str]]) -> None:
    code, text = run("nothing")
    assert code == 1
    assert "has no attribute 'nothing'" in text


def test_children_do_not_share_their_chance(run: Callable[..., tuple[int, str]]) -> None:
    assert run("chance")[1] != run("chance")[1]


def test_standard_streams_and_further_descriptors_are_the_callers(server: Forkserver) -> None:
    inside, ours = os.pipe()
    read, outside = os.pipe()
    os.write(ours, b"shout")
    os.close(ours)
    with Child.start(server.socket, "work:copy", fds=(inside, outside, outside)) as child:
        assert child.wait(30) == 0
    with Child.start(server.socket, "work:write", [outside], inherit_fds=[outside]) as child:
        assert child.wait(30) == 0
    assert os.read(read, 100) == b"SHOUTthrough"
    for descriptor in (inside, read, outside):
        os.close(descriptor)


def test_a_lock_handed_down_is_held_until_the_child_is_gone(server: Forkserver, tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock, (tmp_path / "lock").open("w") as other:
        fcntl.flock(lock, fcntl.LOCK_EX)
        child = Child.start(server.socket, "work:sleep", inherit_fds=[lock.fileno()])
        lock.close()
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        child.terminate()
        assert child.wait(30) == -signal.SIGTERM
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_waiting_has_its_limit_and_polling_does_not_wait(server: Forkserver) -> None:
    with Child.start(server.socket, "work:sleep") as child:
        with pytest.raises(TimeoutError, match="work:sleep still runs"):
            child.wait(0.05)
        assert child.poll() is None
        child.terminate()
        child.wait(30)
        assert child.poll() == -signal.SIGTERM
        assert child.reason == "its caller hung up"


def test_hanging_up_ends_even_a_stubborn_grandchild_in_a_session_of_its_own(server: Forkserver, tmp_path: Path) -> None:
    child = Child.start(server.socket, "work:daemon", [str(tmp_path / "pid"), "sleep"], grace=0.2)
    stubborn = written_pid(tmp_path / "pid")
    child.close()
    assert gone(child.pid)
    assert gone(stubborn)


def test_what_a_finished_child_left_running_is_ended_before_its_end_is_told(server: Forkserver, tmp_path: Path) -> None:
    with Child.start(server.socket, "work:daemon", [str(tmp_path / "pid"), "leave"]) as child:
        assert child.wait(30) == 0
        assert not Path(f"/proc/{written_pid(tmp_path / 'pid')}").exists()


def test_a_process_with_a_life_of_its_own_outlives_the_child(server: Forkserver, tmp_path: Path) -> None:
    with Child.start(server.socket, "work:daemon", [str(tmp_path / "pid"), "own"]) as child:
        assert child.wait(30) == 0
    pid = written_pid(tmp_path / "pid")
    assert lives.has_own_life(pid)
    os.kill(pid, signal.SIGKILL)


def test_the_end_of_the_forkserver_ends_children_and_tells_their_callers(place: Path, tmp_path: Path) -> None:
    server = started(place, "crash.sock")
    child = Child.start(server.socket, "work:daemon", [str(tmp_path / "pid"), "sleep"], grace=0.2)
    stubborn = written_pid(tmp_path / "pid")
    server.process.kill()
    assert child.wait(30) == -signal.SIGTERM
    assert child.reason == "the forkserver ended"
    assert gone(stubborn)
    with pytest.raises(LaunchError, match="does not answer"):
        Child.start(server.socket, "work:code", [0])
    server.stop()


def test_the_end_of_a_keeper_is_told_and_takes_the_child_along(server: Forkserver) -> None:
    child = Child.start(server.socket, "work:sleep")
    keeper = int(Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(keeper, signal.SIGKILL)
    with pytest.raises(LaunchError, match="ended while work:sleep was running"):
        child.wait(30)
    assert gone(child.pid)


def test_a_killed_starter_takes_forkserver_and_children_along(place: Path, tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(place), str(tmp_path / "pid")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{place}:{forkserver.SOURCES}"},
    )
    assert starter.stdout
    pids = [*map(int, starter.stdout.readline().split()), written_pid(tmp_path / "pid")]
    starter.kill()
    starter.wait()
    starter.stdout.close()
    assert len(pids) == 3
    assert all(gone(pid) for pid in pids)


def test_a_caller_that_says_nothing_holds_up_nobody(server: Forkserver) -> None:
    with sockets.socket(sockets.AF_UNIX) as silent:
        silent.connect(str(server.socket))
        with Child.start(server.socket, "work:code", [0]) as child:
            assert child.wait(30) == 0


def test_only_its_owner_may_use_the_socket(server: Forkserver) -> None:
    assert stat.S_IMODE(server.socket.stat().st_mode) == 0o600


def test_a_module_that_cannot_be_preloaded_is_named_and_the_rest_serves(place: Path) -> None:
    server = started(place, "partly.sock", ("work", "no_such_module"))
    assert server.failures == ("no_such_module: ModuleNotFoundError: No module named 'no_such_module'",)
    with Child.start(server.socket, "work:code", [4]) as child:
        assert child.wait(30) == 4
    server.stop()
    assert server.poll() == 0
    assert not server.socket.exists()


def test_a_module_that_starts_threads_is_refused_by_name(place: Path) -> None:
    with pytest.raises(LaunchError, match="preloading threaded starts a thread"):
        started(place, "threaded.sock", ("threaded",))


def test_one_that_is_followed_at_its_socket_leaves_that_to_its_successor(place: Path) -> None:
    first = started(place, "followed.sock")
    second = started(place, "followed.sock")
    first.stop()
    with Child.start(second.socket, "work:code", [3]) as child:
        assert child.wait(10) == 3
    second.stop()
    assert not second.socket.exists()
