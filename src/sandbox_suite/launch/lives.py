"""What ends with a child of the forkserver, and what does not."""

import contextlib
import ctypes
import os
import signal
from pathlib import Path

# A process that has this variable in its environment has a life of its own (it is shared by jobs and ends by itself):
# the end of the child that happened to start it does not end it.
OWN_LIFE = "SANDBOX_OWN_LIFE"

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
_prctl = ctypes.CDLL(None, use_errno=True).prctl


def end_with_parent(parent: int, number: int) -> None:
    """Have signal `number` sent to this process when its parent ends; `parent` may have ended already."""
    _prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends: none of them gets out of sight."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(ancestor: int) -> list[int]:
    """Return the living descendants of a process, without those with a life of their own and what is below them."""
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := _parent(entry)):
            below.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [ancestor]
    while todo:
        young = [pid for pid in below.get(todo.pop(), []) if not has_own_life(pid)]
        found += young
        todo += young
    return found


def has_own_life(pid: int) -> bool:
    """Say whether a process was started to outlive whoever started it."""
    with contextlib.suppress(OSError):
        return f"\0{OWN_LIFE}=".encode() in b"\0" + Path(f"/proc/{pid}/environ").read_bytes()
    return False


def signal_all(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to processes that may be gone."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def signal_group(leader: int, number: signal.Signals) -> None:
    """Send a signal to a process group that may be gone."""
    try:
        os.killpg(leader, number)
    except ProcessLookupError:  # it was just forked and does not lead a group yet, or it is gone
        signal_all([leader], number)


def _parent(entry: Path) -> int:
    try:
        fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in b"ZX" else int(fields[1])
