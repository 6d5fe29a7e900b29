"""bench.sessions: a role of fifteen tasks over our session, mitogen and community.docker's connection, interleaved.

Each side runs in its own warmed forkserver, through the same ansible-runner code, with pipelining, into a fresh and
hardened container; the time goes from asking the forkserver to the end of the run. mitogen's first contact is in it,
for it comes with every run. A session is opened once, when its container starts, and serves all runs: `ratio_mitogen`
and `ratio_docker` are with the session open; `ratio_mitogen_unopened` has its opening, and all that the agent is
taught, in the run. One exec, and thirty testinfra checks as a whole process of pytest, are measured on our session.
"""

import contextlib
import json
import os
import random
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox_suite.core.settings import CHECKOUT, settings
from sandbox_suite.sessions import holder
from sandbox_suite.sessions.client import Client
from tests.benchmarks import peers
from tests.benchmarks.measuring import QUIET, arguments, median, say, tell, timed
from tests.benchmarks.sessions_peer import ways

TASKS, CHANGED, CHECKS, EXECS = 15, 10, 30, 200
USER = "powerx"
HARDENED = ("--init", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none")
TMPFS = "rw,nosuid,nodev,size=64m,mode=1777"
LIMITS = (
    *("--memory=256m", "--memory-swap=256m", "--pids-limit=128", f"--user={USER}", f"--tmpfs=/tmp:noexec,{TMPFS}"),
    f"--tmpfs=/scratch:exec,{TMPFS}",  # mitogen wants to execute what it puts there
)


class Side:
    """One way into containers, in the environment that has it."""

    def __init__(self, way: str, python: str, scratch: Path) -> None:
        self.way = way
        scratch.mkdir(mode=0o700)
        paths = os.pathsep.join([str(CHECKOUT / "src"), str(CHECKOUT)])
        self._process = subprocess.Popen(
            [python, "-m", "tests.benchmarks.sessions_peer.side", way, str(scratch)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**QUIET, "PYTHONPATH": paths},
            cwd=CHECKOUT,
            text=True,
        )

    def run(self, container: str, socket: str) -> float:
        """Play the role into `container`; return the seconds."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(ways.variables(self.way, container, USER, socket)) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline() or "{}")
        counts = [told.get(name) for name in ("ok", "changed", "failures", "dark")]
        if counts != [TASKS, CHANGED, 0, 0] or told["said"]:
            raise SystemExit(f"{self.way}: {told}")
        return float(told["seconds"])

    def close(self) -> None:
        """See its forkserver out."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def main() -> None:
    """Measure."""
    asked = arguments()
    python = str(peers.environment() / "bin" / "python")
    with tempfile.TemporaryDirectory(prefix="sbx-bench-") as name, contextlib.ExitStack() as stack:
        scratch = Path(name)
        socket = str(holder.ensure(scratch))
        stack.callback(stopped, scratch)
        stack.enter_context(Client(socket, "")).stat()  # as the worker does: the holder stays
        sides = [Side(way, sys.executable if way == "session" else python, scratch / way) for way in ways.WAYS]
        for side in sides:
            stack.callback(side.close)
        say("one run of each, not counted")
        _measured(sides, socket, 1, random.Random(asked.seed), "warm-up")
        figures = _measured(sides, socket, asked.runs, random.Random(asked.seed), "run")
        tell({**figures, "runs": asked.runs, "seed": asked.seed})


def _measured(sides: list[Side], socket: str, runs: int, chance: random.Random, word: str) -> dict[str, Any]:
    """Run every side `runs` times, each round in another order, then the execs and the checks."""
    taken: dict[str, list[float]] = {name: [] for name in (*ways.WAYS, "unopened", "exec_ms", "testinfra_s")}
    counts: list[dict[str, Any]] = []
    rounds = [(side.way, side) for side in sides] + [("unopened", sides[0])]
    for number in range(runs):
        for name, side in chance.sample(rounds, len(rounds)):
            with container() as box, Client(socket, box, USER) as client:
                if name == "session":
                    opened(client)
                taken[name].append(side.run(box, socket))
                if name == "session":
                    counts.append(client.stat())
                    taken["exec_ms"].append(_exec(client))
                    taken["testinfra_s"].append(_checks(box, socket))
        say(f"{word} {number + 1} of {runs}: " + ", ".join(f"{name} {found[-1]:.3f}" for name, found in taken.items()))
    return {
        "ratio_mitogen": _ratio(taken, "session", "mitogen"),
        "ratio_docker": _ratio(taken, "session", "docker"),
        "exec_ms": median(taken["exec_ms"]),
        "testinfra_s": median(taken["testinfra_s"]),
        "warm": min(count["warm"] for count in counts),
        "cold": max(count["cold"] for count in counts),
        "ratio_mitogen_unopened": _ratio(taken, "unopened", "mitogen"),
        "seconds": {name: median(taken[name]) for name in (*ways.WAYS, "unopened")},
    }


def opened(client: Client) -> None:
    """Have the session opened as provisioning does, and wait until the agent has learnt what there is to learn."""
    client.open(warm=True)
    until = time.monotonic() + 2
    while not client.stat().get("requests") and time.monotonic() < until:
        time.sleep(0.02)


def stopped(runtime: Path) -> None:
    """Stop the holder and wait until it has ended: it keeps what it learned in its folder, which is about to go."""
    holder.stop(runtime)
    until = time.monotonic() + 5
    while holder.records(runtime)[-1]["event"] != "ended" and time.monotonic() < until:
        time.sleep(0.02)


def _ratio(taken: dict[str, list[float]], one: str, other: str) -> float:
    return median([ours / theirs for ours, theirs in zip(taken[one], taken[other], strict=True)])


def _exec(client: Client) -> float:
    """Return the median of one exec, in milliseconds."""
    times = []
    for _ in range(EXECS):
        start = time.perf_counter()
        if client.exec(["true"]).rc:
            raise SystemExit("`true` failed")
        times.append(1000 * (time.perf_counter() - start))
    return median(times)


def _checks(box: str, socket: str) -> float:
    """Return the seconds of a pytest of its own."""
    checks = ways.HERE / "checks.py"
    command = [sys.executable, "-m", "pytest", str(checks), "-q", "-p", "no:cacheprovider", "--disable-plugin-autoload"]
    command += ["-c", os.devnull, f"--rootdir={ways.HERE}"]
    variables = {**QUIET, "SANDBOX_BENCH_SOCKET": socket, "SANDBOX_BENCH_CONTAINER": box}
    seconds, said = timed(command, variables)
    if not re.search(rf"\b{CHECKS} passed", said):
        raise SystemExit(said)
    return seconds


@contextlib.contextmanager
def container() -> Iterator[str]:
    """Yield the name of a fresh hardened container of the plugin host's image."""
    name = f"sbx-bench-{secrets.token_hex(4)}"
    command = ["docker", "run", "--detach", f"--name={name}", *HARDENED, *LIMITS, "--entrypoint=/usr/bin/sleep"]
    try:
        subprocess.run([*command, image(), "3600"], check=True, capture_output=True)
        yield name
    finally:
        peers.remove(name)


def image() -> str:
    """Return the plugin host's image, built if it is missing."""
    from sandbox_suite.toolchain import images

    if images.missing():
        images.prepare(settings(), say)
    return images.references()["plugin"]


if __name__ == "__main__":
    main()
