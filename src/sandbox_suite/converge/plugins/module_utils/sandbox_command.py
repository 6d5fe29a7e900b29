"""Commands for the modules of our roles: found, given their environment by a file, ended as a group."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from typing import Any

KEPT = ("PATH", "LANG", "LC_ALL", "NODE_PATH", "TZ")  # of the container's own environment
LOG_TAIL = 4000  # characters of a log shown when something fails


def environment(file: str, home: str) -> dict[str, str]:
    """Return a process's whole environment: what the image says, then what the JSON object in `file` says."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    with open(file) as source:
        return {**kept, "HOME": home, **{name: str(value) for name, value in json.load(source).items()}}


def resolved(argv: list[str], root: str) -> list[str]:
    """Return `argv` with its program: a file of `root` where there is one, else a command of the image."""
    own = os.path.join(root, argv[0])
    return [own if os.path.isfile(own) else argv[0], *argv[1:]]


def run(argv: list[str], cwd: str, env: dict[str, str], log: str, seconds: float) -> int | None:
    """Run a command in a session of its own, its output in `log`; return its exit code, None when time was up."""
    with open(log, "ab") as output:
        process = subprocess.Popen(
            argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        try:
            return process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            end_group(process.pid)
            process.wait()


def end_group(group: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to every process of a group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def birth(pid: int) -> int | None:
    """Return when a process started, in ticks since boot; None when there is none, or only a dead one."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            state, *rest = file.read().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if state in "ZX" else int(rest[18])


def remembered(state_file: str) -> dict[str, Any] | None:
    """Return the state of the process that was started earlier, where it still runs."""
    try:
        with open(state_file) as file:
            state: dict[str, Any] = json.load(file)
    except (FileNotFoundError, ValueError):
        return None
    return state if state.get("birth") is not None and birth(state["pid"]) == state["birth"] else None


def tail(log: str) -> str:
    """Return the end of a log."""
    try:
        with open(log, errors="replace") as file:
            file.seek(max(0, os.path.getsize(log) - LOG_TAIL))
            return file.read().strip()
    except OSError:
        return ""
