"""Ending a request's process with all that it started (inside the container, like `agent`)."""

from __future__ import annotations

import contextlib
import os
import signal

DIES_WITH_PARENT, DUMPABLE, SUBREAPER = 1, 4, 36  # of prctl


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
    try:
        with open(f"/proc/{entry}/stat", "rb") as file:  # noqa: PTH123
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return []
    return [] if fields[0] in b"ZX" else [int(fields[1]), int(fields[3])]


def end_family(leader: int) -> None:
    """Kill a request's process and all of its family, also those born meanwhile."""
    for _ in range(50):
        members = family(leader)
        for pid in members:
            quietly_kill(pid)
        if not members:
            break
    quietly_kill(leader)


def quietly_kill(pid: int) -> None:
    """Kill a process that may be gone."""
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)


def control(option: int, value: int) -> bool:
    """Set a property of this process by prctl; say whether that was possible."""
    try:
        import ctypes

        return bool(ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False
