"""A shell in a real, hardened container, at a terminal and through pipes; where there is no session, by the engine."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sessions_container import HARDENED, USER, container, docker, image, processes

from sandbox_suite.jobs.inside import PSQL
from sandbox_suite.sessions import holder
from sandbox_suite.sessions.client import Client
from sandbox_suite.toolchain import images
from tests.unit.sessions_typist import everything, pid_of, piped, typist, until

pytestmark = pytest.mark.docker
BASH = ("env", "PS1=ready> ", "bash", "--norc")


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    runtime = tmp_path_factory.mktemp("run")
    yield runtime
    holder.stop(runtime)


@pytest.fixture(scope="module")
def box() -> Iterator[str]:
    with container(f"--user={USER}") as name:
        yield name


@pytest.fixture(scope="module")
def without_python() -> Iterator[str]:
    with container("--env=PATH=/nowhere") as name:
        yield name


@pytest.fixture
def database() -> Iterator[str]:
    image()
    name = f"ses-db-{os.getpid()}"
    folders = ("--tmpfs=/data/run:rw,mode=0700,uid=10000,gid=10000", "--tmpfs=/tmp:rw,noexec,mode=1777")
    docker("run", "-d", f"--name={name}", "--user=postgres", *HARDENED, *folders, images.references()["database"])
    try:
        ready = ["docker", "exec", name, *PSQL, "-c", "SELECT"]
        assert until(lambda: not subprocess.run(ready, capture_output=True, check=False).returncode)
        yield name
    finally:
        subprocess.run(["docker", "rm", "-f", name], capture_output=True, check=False)


def test_a_terminal_goes_through_the_warm_session_with_its_size_keys_and_exit_code(runtime: Path, box: str) -> None:
    with Client(holder.ensure(runtime), box, USER) as client:
        client.exec(["true"])
        before = client.stat()
        seat = typist(runtime, box, *BASH, user=USER)
        seat.expect("ready> ")
        seat.send("id -un; tty; stty size; echo $TERM\r")
        seat.expect("powerx\r\n/dev/pts/[0-9]+\r\n33 77\r\nxterm-256color\r\n")
        seat.setwinsize(44, 90)
        seat.send("until [ \"$(stty size)\" = '44 90' ]; do sleep 0.01; done; echo it-is-$((44+90))\r")
        seat.expect("it-is-134")
        seat.send("read -s word; echo [$word]\r")
        seat.expect(r"\[\$word\]\r\n")
        seat.send("unseen\r")
        seat.expect_exact("[unseen]")
        assert b"unseen" not in seat.before
        seat.send("sleep 600\r")
        seat.expect("sleep 600\r\n")
        assert until(lambda: "sleep 600" in processes(box).replace("/usr/bin/sleep 600", ""))
        seat.send("\x03")
        seat.expect("ready> ")
        seat.send("exit $((40+2))\r")
        seat.expect_exact("[back, 42]")
        after = client.stat()
        assert (after["openings"], after["pid"]) == (before["openings"], before["pid"])
        assert after["requests"] == before["requests"] + 1


def test_psql_is_as_at_home(runtime: Path, database: str) -> None:
    seat = typist(runtime, database, *PSQL, user="postgres")
    seat.expect("sandbox=[>#] ")
    seat.send("SELECT 40 + 2 AS answer;\r")
    seat.expect(r"answer.*\r\n.*42.*\(1 row\).*sandbox=[>#] ")
    seat.send("SELECT pg_sleep(600);\r")
    seat.expect(r"pg_sleep\(600\);\r\n")
    seat.send("\x03")
    seat.expect("canceling statement due to user request.*sandbox=[>#] ")
    seat.send("\\q\r")
    seat.expect_exact("[back, 0]")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_a_client_that_is_killed_leaves_no_process_in_the_container(number: int, runtime: Path, box: str) -> None:
    seat = typist(runtime, box, "bash", "-c", "set -m; sleep 301 & trap '' HUP; sleep 302", user=USER)
    assert until(lambda: "sleep 301" in processes(box) and "sleep 302" in processes(box))
    os.kill(pid_of(runtime), number)
    seat.expect(r"\[changed\]|\[back, 129\]")
    assert until(lambda: "sleep 301" not in processes(box) and "sleep 302" not in processes(box))
    assert "bash" not in processes(box)


def test_large_pastes_and_outputs_pass(runtime: Path, box: str) -> None:
    seat = typist(runtime, box, "sh", "-c", "stty raw -echo; echo ready; head -c 5000000 | cksum", user=USER)
    seat.expect("ready")
    data = bytes(range(256)) * 19532
    left = memoryview(data[:5_000_000])
    while left:
        left = left[os.write(seat.child_fd, left[:4096]) :]
    summed = subprocess.run(["cksum"], input=data[:5_000_000], capture_output=True, check=True).stdout.split()[0]
    seat.expect(summed.decode())
    seat = typist(runtime, box, "head", "-c", "20000000", "/dev/zero", user=USER)
    assert everything(seat) == b"\0" * 20_000_000 + b"[back, 0]\r\n"


def test_a_container_that_dies_in_the_middle_gives_one_line_and_the_terminal_back(runtime: Path) -> None:
    with container(f"--user={USER}") as name:
        seat = typist(runtime, name, *BASH, user=USER)
        seat.expect("ready> ")
        docker("kill", name)
        seen = everything(seat).decode().replace("\r", "")
    assert re.search(
        rf"\nfailed: {USER}@{name}: the session ended[^\n]*\nleft as it was: [^\n]*\n\[back, 1\]\n$", seen
    ), seen


def test_pipes_carry_input_both_outputs_and_the_exit_code(runtime: Path, box: str) -> None:
    done = piped(runtime, box, "sh", "-c", "cat; echo err >&2; exit 5", data=b"x" * 500_000, user=USER)
    assert (done.returncode, len(done.stdout), done.stderr) == (5, 500_000, b"err\n")


def test_a_missing_container_is_told_once(runtime: Path) -> None:
    done = piped(runtime, "ses-none", "sh")
    assert done.returncode == 1
    assert done.stderr.decode().count("No such container") == 1
    assert "failed: ses-none: No such container: ses-none" in done.stderr.decode()


def test_without_python_the_engine_is_asked_and_that_is_said_in_one_line(runtime: Path, without_python: str) -> None:
    line = f"{without_python}: there is no python3; the Docker engine is asked for the shell instead\n"
    done = piped(runtime, without_python, "/bin/sh", "-c", "read a; echo $a; echo err >&2; exit 5", data=b"typed\n")
    assert (done.returncode, done.stdout, done.stderr.decode()) == (5, b"typed\n", f"{line}err\n")
    done = piped(runtime, without_python, "/bin/cat", data=b"x" * 3_000_000)
    assert (done.returncode, len(done.stdout)) == (0, 3_000_000)
    seat = typist(runtime, without_python, "/bin/sh")
    seat.expect("asked for the shell instead\r\n.*[$#] ")
    seat.send("PATH=/bin:/usr/bin; tty; stty size\r")
    seat.expect("/dev/pts/[0-9]+\r\n33 77")
    seat.setwinsize(44, 90)
    seat.send("until [ \"$(stty size)\" = '44 90' ]; do sleep 0.01; done; echo it-is-$((44+90))\r")
    seat.expect("it-is-134")
    seat.send("exit 7\r")
    seat.expect_exact("[back, 7]")


def test_where_no_agent_can_be_opened_the_engine_is_asked_too(runtime: Path) -> None:
    with container("--tmpfs=/odd:rw,exec,mode=1777", "--env=PATH=/odd:/usr/bin:/bin") as name:
        docker(
            "exec", "-i", name, "/bin/sh", "-c", "cat > /odd/python3; chmod 755 /odd/python3", stdin="#!/bin/false\n"
        )
        done = piped(runtime, name, "sh", "-c", "cat; exit 4", data=b"kept")
    assert (done.returncode, done.stdout) == (4, b"kept")
    assert re.fullmatch(
        rf"{name}: the session ended[^\n]*; the Docker engine is [^\n]* instead\n", done.stderr.decode()
    )


def test_a_hostile_python_has_its_container_killed_and_the_shell_says_so(runtime: Path) -> None:
    liar = "#!/usr/bin/python3\nimport os, time\nos.write(1, b'\\x1b[2Jx' * 50000)\ntime.sleep(600)\n"
    with container("--tmpfs=/odd:rw,exec,mode=1777", "--env=PATH=/odd:/usr/bin:/bin") as name:
        docker("exec", "-i", name, "/bin/sh", "-c", "cat > /odd/python3; chmod 755 /odd/python3", stdin=liar)
        done = piped(runtime, name, "sh", "-c", "echo in")
        assert docker("inspect", "-f", "{{.State.Running}}", name) == "false"
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"broke the session protocol" in done.stderr
    assert b"its container was killed" in done.stderr
    assert b"\x1b" not in done.stderr
