"""The processes of an installation, by what they do."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.e2e.traces import Traces

WORKER, HOLDER, LAUNCHED = "sandbox_suite.jobs.worker", "sandbox_suite.sessions.server", "sandbox_suite.launch"
WATCH = "sandbox_suite.jobs.lease_watch"


@dataclass(frozen=True)
class Member:
    """One process."""

    pid: int
    parent: int
    name: str
    words: str
    terminal: bool = False  # its input is a terminal: a playbook's, as ansible-runner starts it

    def __str__(self) -> str:
        return f"{self.name} ({self.pid}, of {self.parent}): {self.words[:120]}"


class Family:
    """Looks for the processes that work for a home."""

    def __init__(self, home: Path) -> None:
        self._traces = Traces(home)

    def of(self, kind: str) -> list[int]:
        """Return the processes of a kind: worker, forkserver, holder, watch, pulumi; step and ansible, children."""
        everyone = self._everyone()
        return [pid for pid, one in everyone.items() if _kind(one, everyone) == kind]

    def superfluous(self) -> list[str]:
        """Return all but what an installation at rest has: a worker, its forkserver, a holder, a watch of leases."""
        everyone = self._everyone()
        by_kind: dict[str, list[Member]] = {}
        for one in everyone.values():
            by_kind.setdefault(_kind(one, everyone), []).append(one)
        allowed = [pid for kind in ("worker", "forkserver", "holder", "watch") for pid in by_kind.get(kind, [])[:1]]
        return [str(one) for one in everyone.values() if one not in allowed]

    def _everyone(self) -> dict[int, Member]:
        found = {}
        for process in psutil.process_iter(["pid", "ppid", "name", "cmdline", "status"]):
            with contextlib.suppress(psutil.Error):
                if process.info["status"] != psutil.STATUS_ZOMBIE and self._traces.belongs(process):
                    words = " ".join(process.info["cmdline"] or [])
                    found[process.pid] = Member(
                        process.pid, process.info["ppid"], process.info["name"], words, _on_terminal(process.pid)
                    )
        return found


def _on_terminal(pid: int) -> bool:
    try:
        return str(Path(f"/proc/{pid}/fd/0").readlink()).startswith("/dev/pts/")
    except OSError:
        return False


def _kind(one: Member, everyone: dict[int, Member]) -> str:
    if WORKER in one.words:
        return "worker"
    if WATCH in one.words:
        return "watch"
    if HOLDER in one.words:
        return "holder"
    if one.name == "pulumi":
        return "pulumi"
    if LAUNCHED not in one.words:
        return "other"
    if one.terminal:
        return "ansible"
    generation = 0
    while LAUNCHED in one.words and one.parent in everyone:
        one, generation = everyone[one.parent], generation + 1
    # the forkserver's parent is the worker; its children are keepers, and theirs the steps
    return {1: "forkserver", 2: "keeper", 3: "step"}.get(generation, "other") if WORKER in one.words else "other"
