"""Somebody at a terminal with a shell in a container: `attach` in a process of its own, and what is typed and seen."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pexpect

from sandbox_suite.sessions.holder import SOURCES

PROGRAM = """
import os, sys
from pathlib import Path
from sandbox_suite.core.errors import SandboxError
from sandbox_suite.sessions import joined, shell
runtime, container, user, quiet, *argv = sys.argv[1:]
joined.QUIET_SECONDS = shell.LOOK_SECONDS = float(quiet)
Path(runtime, "typist.pid").write_text(str(os.getpid()))
try:
    code = shell.attach(Path(runtime), container, user or None, argv)
except SandboxError as error:
    sys.exit(f"failed: {error}")
sys.exit(code)
"""
AROUND = 'before=$(stty -g); "$@"; code=$?; [ "$(stty -g)" = "$before" ] && echo "[back, $code]" || echo "[changed]"'
SECONDS = 60
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SOURCES), "TERM": "xterm-256color"}


def command(runtime: Path, container: str, argv: tuple[str, ...], user: str = "", quiet: float = 10) -> list[str]:
    """Return the command that gives a shell."""
    return [sys.executable, "-c", PROGRAM, str(runtime), container, user, str(quiet), *argv]


def typist(runtime: Path, container: str, *argv: str, prefix: tuple[str, ...] = (), **more: Any) -> pexpect.spawn:
    """Give somebody a shell at a terminal of 33 by 77; afterwards it says `[back, CODE]` if that is as it was."""
    line = ["-c", AROUND, "sh", *prefix, *command(runtime, container, argv, **more)]
    size = (33, 77)
    return pexpect.spawn(
        "/bin/sh", line, dimensions=size, timeout=SECONDS, env=ENVIRONMENT, echo=True, preexec_fn=_hang_up_as_usual
    )


def _hang_up_as_usual() -> None:
    """Let a hang-up be heard although the tests themselves were started with nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def piped(
    runtime: Path, container: str, *argv: str, data: bytes = b"", **more: Any
) -> "subprocess.CompletedProcess[bytes]":
    """Give a program a shell through pipes."""
    line = command(runtime, container, argv, **more)
    return subprocess.run(line, input=data, capture_output=True, env=ENVIRONMENT, check=False, timeout=SECONDS)


def pid_of(runtime: Path) -> int:
    """Return the process that holds the shell."""
    return int((runtime / "typist.pid").read_text())


def everything(seat: pexpect.spawn) -> bytes:
    """Return all that is still shown, until the end."""
    seen = bytearray()
    try:
        while True:
            seen += seat.read_nonblocking(1 << 16, SECONDS)
    except pexpect.EOF:
        return bytes(seen)


def until(true: Any) -> bool:
    """Wait until something is so, for a while."""
    end = time.monotonic() + 20
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return bool(true())
