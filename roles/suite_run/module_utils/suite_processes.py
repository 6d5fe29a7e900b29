"""Processes inside the container: who came from whom, and ending them."""

from __future__ import annotations

import contextlib
import ctypes
import os

DIES_WITH_PARENT, SUBREAPER = 1, 36  # of prctl


def family(leader: int) -> dict[int, str]:
    """Return all living descendants of a process, with their names."""
    below: dict[int, list[int]] = {}
    names: dict[int, str] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", "rb") as file:
                text = file.read()
                state, parent = text.rpartition(b")")[2].split()[:2]
                if state not in b"ZX":
                    below.setdefault(int(parent), []).append(int(entry))
                    names[int(entry)] = text[text.index(b"(") + 1 : text.rindex(b")")].decode(errors="replace")
    found: dict[int, str] = {}
    todo = [leader]
    while todo:
        for pid in below.get(todo.pop(), []):
            if pid not in found:
                found[pid] = names[pid]
                todo.append(pid)
    return found


def quietly(pid: int, number: int) -> None:
    """Signal a process that may be gone."""
    with contextlib.suppress(OSError):
        os.kill(pid, number)


LIBRARY = ctypes.CDLL(None)  # opened once, before the forks


def control(option: int, value: int) -> None:
    """Set a property of this process by prctl."""
    with contextlib.suppress(OSError, AttributeError):
        LIBRARY.prctl(option, value, 0, 0, 0)
