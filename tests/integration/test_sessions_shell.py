"""A shell in a container: joined terminals, or plain pipes where there is none."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator

import pytest
from sessions_container import container

from sandbox_suite.sessions.holder import SOURCES

pytestmark = pytest.mark.docker
PROGRAM = (
    "import sys; from sandbox_suite.sessions import shell; sys.exit(shell.attach(sys.argv[1], None, sys.argv[2:]))"
)
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SOURCES)}


@pytest.fixture(scope="module")
def box() -> Iterator[str]:
    with container() as name:
        yield name


def test_pipes_carry_input_both_outputs_and_the_exit_code(box: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, box, "sh", "-c", "cat; echo err >&2; exit 5"],
        input=b"x" * 500_000,
        capture_output=True,
        env=ENVIRONMENT,
        check=False,
    )
    assert (done.returncode, len(done.stdout), done.stderr) == (5, 500_000, b"err\n")


def test_a_terminal_is_joined_with_its_size_and_put_back(box: str) -> None:
    ours, theirs = pty.openpty()
    os.set_blocking(theirs, True)
    before = _settings(theirs)
    process = subprocess.Popen(
        ["sh", "-c", 'stty rows 33 cols 77; exec "$@"', "sh", sys.executable, "-c", PROGRAM, box, "sh"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={key: value for key, value in ENVIRONMENT.items() if key not in ("COLUMNS", "LINES")},
    )
    seen = _until(ours, b"$ ")
    os.write(ours, b"tty; stty size\r")
    seen = _until(ours, b"33 77")
    assert b"/dev/pts/" in seen
    os.write(ours, b"exit 7\r")
    assert process.wait(20) == 7
    assert _settings(theirs)[:4] == before[:4]
    for descriptor in (ours, theirs):
        os.close(descriptor)


def test_a_missing_container_is_told(box: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "ses-none", "sh"], capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    assert "ses-none: No such container: ses-none" in done.stderr


def _until(descriptor: int, sign: bytes) -> bytes:
    seen = b""
    while sign not in seen:
        seen += os.read(descriptor, 4096)
    return seen


def _settings(descriptor: int) -> list[object]:
    import termios

    return termios.tcgetattr(descriptor)
