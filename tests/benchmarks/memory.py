"""The memory of an installation at work: its processes and its containers, looked at several times a second."""

import contextlib
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import docker
import psutil

from sandbox_suite import engine
from sandbox_suite.engine import inventory
from tests.e2e.traces import Traces

PAUSE = 0.2


class Memory:
    """Remembers the most that was in use at once while it was entered.

    Processes count with their share of what they share (PSS), containers with what the engine charges them for, without
    the file cache that can be taken back.
    """

    def __init__(self, home: Path) -> None:
        self._traces, self._installation = Traces(home), engine.installation(home)
        self._client = docker.APIClient(version="auto")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.processes = self.containers = self.peak = 0  # bytes; the two former at the moment of the peak

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()
        self._client.close()

    def _watch(self) -> None:
        while not self._ended.wait(PAUSE):
            processes, containers = self._of_processes(), self._of_containers()
            if processes + containers > self.peak:
                self.processes, self.containers, self.peak = processes, containers, processes + containers

    def _of_processes(self) -> int:
        return sum(
            share(process.pid) for process in psutil.process_iter(["pid", "cmdline"]) if self._traces.belongs(process)
        )

    def _of_containers(self) -> int:
        found = 0
        for one in inventory.containers(self._client, self._installation):
            with contextlib.suppress(docker.errors.APIError, ValueError):  # it is gone since, and the answer empty
                found += self._charged(one.id)
        return found

    def _charged(self, container: str) -> int:
        address = f"{self._client.base_url}/v{self._client.api_version}/containers/{container}/stats"
        answer = self._client.get(address, params={"stream": "false", "one-shot": "true"})
        told = answer.json().get("memory_stats") or {}
        details = told.get("stats") or {}
        cache = details.get("total_inactive_file", details.get("inactive_file", 0))
        return max(int(told.get("usage", 0)) - int(cache), 0)


def share(pid: int) -> int:
    """Return the proportional set size of a process in bytes; 0 where it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
