"""One side of bench.sessions, run by the Python of its own environment: a warmed forkserver; for each line, one run.

A line is the inventory's host variables as JSON; the answer is the seconds from asking the forkserver to the end of the
child, and the recap of the run.
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.launch import forkserver
from sandbox_suite.launch.client import Child
from sandbox_suite.launch.forkserver import Forkserver
from tests.benchmarks.sessions_peer import ways

PRELOAD = (
    "sandbox_suite.converge.warm",
    "ansible_runner.interface",
    "tests.benchmarks.sessions_peer.role",
    "sandbox_suite.launch.warming:ansible",
)
OWN = {"mitogen": ("tests.benchmarks.sessions_peer.mitogen_warming:warm",)}
TARGET = "tests.benchmarks.sessions_peer.role:play"


def main() -> None:
    """Serve: argument 1 is the way, argument 2 a folder of our own."""
    way, scratch = sys.argv[1], Path(sys.argv[2])
    os.environ[ways.LEARNED] = str(scratch / "learned")
    server = _start(way, scratch)
    for number, line in enumerate(sys.stdin):
        sys.stdout.write(json.dumps(_run(server, way, scratch, json.loads(line))) + "\n")
        sys.stdout.flush()
        if not number and way in OWN:  # the first run, which does not count, told what is worth being warm
            server.stop()
            server = _start(way, scratch)
    server.stop()


def _start(way: str, scratch: Path) -> Forkserver:
    modules = (*PRELOAD, *OWN.get(way, ()))
    server = forkserver.start(
        scratch / "fork.sock", modules, scratch / "forkserver.log", ways.server_environment(way, scratch)
    )
    if server.failures:
        raise SystemExit(f"{way}: {server.failures}")
    return server


def _run(server: Forkserver, way: str, scratch: Path, host: dict[str, Any]) -> dict[str, Any]:
    (scratch / "hosts.json").write_text(json.dumps({"all": {"hosts": {"box": host}}}))
    left, log = scratch / "left.json", scratch / "run.log"
    left.unlink(missing_ok=True)
    shutil.rmtree(scratch / "private", ignore_errors=True)
    ours = {**os.environ, "LC_ALL": "C.UTF-8", "SANDBOX_FORKSERVER": str(server.socket)}
    start = time.perf_counter()
    with Child.start(server.socket, TARGET, [way, str(scratch)], ours, CHECKOUT, stdout_path=log) as child:
        code = child.wait(120)
    seconds = time.perf_counter() - start
    if code:
        raise SystemExit(f"{way}: the run ended with {code}\n{log.read_text()[-3000:]}")
    told: dict[str, Any] = json.loads(left.read_text())
    return {"seconds": seconds, **told}


if __name__ == "__main__":
    main()
