"""One side of bench.gate as a process of its own, so that its memory and its start are its own.

python -m tests.benchmarks.gate_sides mask STORE POLICY OUT     # -> {"seconds", "cpu_s"}
python -m tests.benchmarks.gate_sides gate STORE POLICY OUT     # of what `mask` wrote -> {"seconds", "checks", ...}
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from sandbox_suite.core.clock import utc_now
from sandbox_suite.core.progress import silent
from tests.benchmarks.memory import share

MASTER = bytes(range(32))
NAME, VERSION = "people", "1"
PAUSE = 0.05  # seconds between two looks at the gate's memory


def mask(store: Path, policy_file: Path, out: Path) -> dict[str, Any]:
    """Mask the stored table into the new folder `out`: read, masked, written, digests made."""
    from sandbox_suite.datasets import masking, policy
    from sandbox_suite.datasets.sources import stored

    source, rules = stored.load(raw(store)), policy.load(policy_file)
    start, cpu = time.perf_counter(), time.process_time()
    masking.mask(source, rules, MASTER, out, silent)
    return {"seconds": time.perf_counter() - start, "cpu_s": time.process_time() - cpu}


def gate(store: Path, policy_file: Path, out: Path) -> dict[str, Any]:
    """Let the gate, as a process, judge what was masked; it must pass."""
    from sandbox_suite.datasets import attestation
    from sandbox_suite.datasets.gate import launch
    from sandbox_suite.datasets.gate.verdict import Request

    signing, memory = attestation.signing_key(store), _Memory()
    request = Request(raw(store), out, policy_file, 7, utc_now(), "bench")
    start = time.perf_counter()
    verdict = launch.gate(request, MASTER, signing, store / "verdict.json", started=memory.watch)
    seconds = time.perf_counter() - start
    memory.end()
    if not verdict.passed:
        raise SystemExit("\n".join(str(item.as_finding()) for item in verdict.findings))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": seconds,
        "cpu_s": used.ru_utime + used.ru_stime,
        "rss_mb": round(memory.peak / 2**20, 1),
        "checks": {check.name: check.seconds for check in verdict.checks},
    }


class _Memory:
    """The most memory of a process and its children together, what they share counted once."""

    def __init__(self) -> None:
        self.peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._pid = 0

    def watch(self, pid: int) -> None:
        self._pid = pid
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(PAUSE):
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(self._pid)
                family = [process, *process.children(recursive=True)]
                self.peak = max(self.peak, sum(share(one.pid) for one in family))


def raw(store: Path) -> Path:
    """Return the folder of the stored raw version."""
    from sandbox_suite.datasets.store import Store

    found = Store(store)
    version = found.pointer("raw", NAME, VERSION)
    if version is None:
        raise SystemExit("nothing is stored")
    return found.raw(version)


def keep(folder: Path, store: Path) -> None:
    """Store what `people.write` wrote."""
    from sandbox_suite.datasets import raw as raw_versions
    from sandbox_suite.datasets import sources
    from sandbox_suite.datasets.store import Store

    found = Store(store)
    with found.work("bench") as work:
        raw_versions.keep(sources.load(folder), found, work)


if __name__ == "__main__":
    side = {"mask": mask, "gate": gate}[sys.argv[1]]
    sys.stdout.write(json.dumps(side(*map(Path, sys.argv[2:]))))
