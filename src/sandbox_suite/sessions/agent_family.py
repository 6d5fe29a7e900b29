"""Ending a request's process with all that it started (inside the container, like `agent`)."""

from __future__ import annotations

import contextlib
import os
import signal
import time

DIES_WITH_PARENT, DUMPABLE, SUBREAPER = 1, 4, 36  # of prctl
STOP_SECONDS = 0.2


def family(leader: int) -> set[int]:
    """Return the processes of `leader`'s session and all descendants, itself excluded."""
    below: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 - pathlib costs the agent a third of its start
        if entry.isdigit():
            for parent in kinship(entry):
                below.setdefault(parent, []).append(int(entry))
    found: set[int] = set()
    todo = [leader]
    while todo:
        young = [pid for pid in below.get(todo.pop(), []) if pid not in found and pid != leader]
        found.update(young)
        todo += young
    return found


def kinship(entry: str) -> list[int]:
    """Return the parent and the session of a living process."""
    fields = status(entry)
    return [] if not fields or fields[0] in b"ZX" else [int(fields[1]), int(fields[3])]


def status(entry: str) -> list[bytes]:
    """Return what /proc tells of a process, from its state on; nothing of one that is gone."""
    try:
        with open(f"/proc/{entry}/stat", "rb") as file:  # noqa: PTH123
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []


def end_family(leader: int) -> None:
    """Kill a request's process and all of its family.

    All are stopped first: a child that is born between a look and a kill would be missed, and live on.
    """
    known: set[int] = set()
    found = {leader}
    while found:
        for pid in found:
            quietly_signal(pid, signal.SIGSTOP)
        known |= found
        await_stop(found)
        found = family(leader) - known
    for pid in known:
        quietly_signal(pid, signal.SIGKILL)


def await_stop(pids: set[int]) -> None:
    """Wait until processes have stopped, for a moment: one that is just forking has stopped only after that."""
    until = time.monotonic() + STOP_SECONDS
    while any(fields and fields[0] not in b"TtZX" for fields in map(status, map(str, pids))):
        if time.monotonic() > until:
            return
        time.sleep(0.0005)


def quietly_signal(pid: int, number: int) -> None:
    """Signal a process that may be gone."""
    with contextlib.suppress(OSError):
        os.kill(pid, number)


def control(option: int, value: int) -> bool:
    """Set a property of this process by prctl; say whether that was possible."""
    try:
        import ctypes

        return bool(ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False
