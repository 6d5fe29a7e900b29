"""The floor: the same containers and the same work straight through the Engine API, without any of our tools.

It clones the golden database, deploys the example plugin, proves the rows, makes 30 checks of the sandbox, runs the 50
HTTP checks, fetches the results and removes everything, also where it fails or is told to end (SIGTERM, Ctrl-C).
Nothing is recorded, judged or resumed.

`python -m tests.benchmarks.floor PLAN_JSON` runs it once; PLAN_JSON is the plan.json of a job of ours.
"""

import contextlib
import io
import itertools
import json
import secrets
import signal
import socket as sockets
import sys
import tarfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import docker

from infra.spec import PARTS, USERS
from sandbox_suite.engine.connection import client

CASES = 50
NAME = f"sbx-floor-{secrets.token_hex(4)}"
FILES = {
    "database": {"/data/run": "rw,noexec,nosuid,nodev,size=256m,mode=0700,uid=10000,gid=10000"},
    "plugin": {"/var/lib/powerx/plugins": "rw,noexec,nosuid,nodev,size=64m,mode=0755,uid=10001,gid=10001"},
    "runner": {},
}
TMP = {"/tmp": "rw,noexec,nosuid,nodev,size=64m,mode=1777"}
COMMANDS = {"database": ["start-database"], "plugin": ["sleep", "infinity"], "runner": ["sleep", "infinity"]}
HOME = "/var/lib/powerx/plugins/floor"
CHECKS = (  # ten for each container, in one exec; the same as Molecule's
    "grep -q '^CapEff:.*0000000000000000' /proc/1/status",
    "grep -q '^NoNewPrivs:.*1' /proc/1/status",
    "grep -q '^Seccomp:.*2' /proc/1/status",
    'test "$(id -u)" != 0',
    'test "$(stat -c %U /etc/passwd)" = root',
    'test "$(stat -c %U /usr/bin/python3)" = root',
    "test -d /tmp",
    "test ! -e /var/run/docker.sock",
    "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null | grep -qxE '[0-9]{1,12}'",
    "! command -v sudo >/dev/null",
)


class Floor:
    """One sandbox by hand."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.client = client()
        self.password = secrets.token_urlsafe(24)

    def up(self) -> None:
        """Create network and containers."""
        with ThreadPoolExecutor(1) as pool:  # it waits also where a signal interrupts: `down` finds what was being made
            pool.submit(self.client.create_network, NAME, driver="bridge", internal=True).result()
        _each(self._start)

    def _start(self, part: str) -> None:
        limits = self.plan["limits"][part]
        host = self.client.create_host_config(
            network_mode=NAME,
            init=True,
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            mem_limit=f"{limits['memory_mb']}m",
            memswap_limit=f"{limits['memory_mb']}m",
            nano_cpus=int(limits["cpus"] * 1e9),
            pids_limit=limits["pids"],
            tmpfs={**TMP, **FILES[part]},
        )
        network = self.client.create_networking_config({NAME: self.client.create_endpoint_config(aliases=[part])})
        made = self.client.create_container(
            self.plan["images"][part],
            COMMANDS[part],
            name=f"{NAME}-{part}",
            hostname=part,
            user=USERS[part],
            environment={"PGDATA": "/data/run/pg"} if part == "database" else {},
            host_config=host,
            networking_config=network,
        )
        self.client.start(made)

    def deploy(self) -> None:
        """Make the plugin's role and schema, unpack, migrate and start it, wait for its health."""
        plan = self.plan
        tables = ", ".join(f"dataset.{table}" for table in plan["dataset"]["grants"])
        self._run(
            "database",
            ["sh", "-c", "until psql -h /tmp -qAt sandbox -c 'select 1' >/dev/null 2>&1; do sleep 0.01; done;"
             " exec psql -h /tmp -q -v ON_ERROR_STOP=1 sandbox"],
            f"CREATE ROLE floor LOGIN PASSWORD '{self.password}'; CREATE SCHEMA floor AUTHORIZATION floor;"
            " GRANT CONNECT ON DATABASE sandbox TO floor; GRANT USAGE ON SCHEMA dataset TO floor;"
            f" GRANT SELECT ON {tables} TO floor;".encode(),
        )  # fmt: skip
        manifest = plan["plugin"]["manifest"]
        migrate = " ".join([manifest["migrations"]["entry"], *manifest["migrations"]["args"]])
        command = " ".join([manifest["runtime"]["entry"], *manifest["runtime"]["args"]])
        dsn = f"postgres://floor:{self.password}@database:5432/sandbox?search_path=floor"
        script = (
            f"mkdir -p {HOME} && cd {HOME} && tar xzf - &&"
            f" export POWERX_BIND_ADDR=:8086 POWERX_DB_DSN='{dsn}' &&"
            f" {migrate} >/dev/null &&"
            f" (setsid /usr/local/libexec/sandbox/confine {command} >plugin.log 2>&1 </dev/null &) &&"
            ' exec python3 -c "import time,urllib.request as u\nwhile 1:\n'
            "  try: u.urlopen('http://127.0.0.1:8086/healthz').read(); break\n  except OSError: time.sleep(.01)\""
        )
        self._run("plugin", ["sh", "-c", script], Path(plan["plugin"]["package"]).read_bytes())

    def prove(self) -> None:
        """Prove the dataset's digest by the same SQL."""
        for proof in self.plan["dataset"]["proofs"]:
            found = self._run("database", ["psql", "-h", "/tmp", "-qAt", "sandbox"], proof["sql"].encode())
            _expect(found.decode().strip(), proof["expected"], f"the digest of {proof['table']}")

    def verify(self) -> None:
        """Run ten checks in each container."""
        script = "".join(f"if {check}; then echo kept; else echo {i}; fi\n" for i, check in enumerate(CHECKS))
        for part, found in zip(PARTS, _each(lambda part: self._run(part, ["sh"], script.encode())), strict=True):
            _expect(found.decode().split(), ["kept"] * len(CHECKS), f"the {len(CHECKS)} checks of {part}")

    def regress(self) -> None:
        """Run the suites side by side and fetch their results."""
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w") as archive:
            for suite in self.plan["suites"]:
                archive.add(suite["folder"], suite["name"], filter=_source)
        self._run("runner", ["sh", "-c", "mkdir -p /tmp/s /tmp/r && tar xf - -C /tmp/s"], raw.getvalue())
        runs = " ".join(
            f"(cd /tmp/s/{suite['name']} && SANDBOX_SUITE={suite['name']} SANDBOX_RESULTS=/tmp/r/{suite['name']}.jsonl"
            f" SANDBOX_BASE_URL=http://plugin:8086 SANDBOX_DEADLINE_SECONDS=60 {' '.join(suite['run'])} >/dev/null)&"
            for suite in self.plan["suites"]
        )
        lines = self._run("runner", ["sh", "-c", f"{runs} wait; cat /tmp/r/*.jsonl"]).splitlines()
        _expect(sum(json.loads(line)["outcome"] == "passed" for line in lines), CASES, "the cases that passed")

    def down(self) -> None:
        """Remove what there is."""
        _each(self._remove)
        with contextlib.suppress(docker.errors.NotFound):
            self.client.remove_network(NAME)

    def _remove(self, part: str) -> None:
        with contextlib.suppress(docker.errors.NotFound):
            self.client.remove_container(f"{NAME}-{part}", force=True, v=True)

    def _run(self, part: str, argv: Sequence[str], stdin: bytes = b"") -> bytes:
        """Run a command in a part with one hijacked exec; return its standard output."""
        made = self.client.exec_create(f"{NAME}-{part}", list(argv), stdin=True)
        stream = self.client.exec_start(made["Id"], socket=True)
        raw: sockets.socket = stream._sock
        raw.sendall(stdin)
        raw.shutdown(sockets.SHUT_WR)
        out, err = b"", b""
        for kind, data in docker.utils.socket.frames_iter(stream, tty=False):
            out, err = (out + data, err) if kind == 1 else (out, err + data)
        stream.close()
        if self.client.exec_inspect(made["Id"])["ExitCode"]:
            raise SystemExit(f"{part}: {err.decode(errors='replace')[-500:]}")
        return out


def _each(function: Callable[[str], Any]) -> list[Any]:
    """Call it for each part at once; all have ended when the first mistake of one is raised."""
    with ThreadPoolExecutor(len(PARTS)) as pool:
        calls = [pool.submit(function, part) for part in PARTS]
        wait(calls)
        return [call.result() for call in calls]


def _expect(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise SystemExit(f"floor: {what}: {found}, not {wanted}")


def _source(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in member.name else member


def main() -> None:
    """Run once and print the seconds of each step."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    floor = Floor(json.loads(Path(sys.argv[1]).read_text()))
    marks = [("", time.perf_counter())]
    try:
        for step in ("up", "deploy", "prove", "verify", "regress"):
            getattr(floor, step)()
            marks.append((step, time.perf_counter()))
    finally:
        floor.down()
    marks.append(("down", time.perf_counter()))
    spans = {name: round(end - begin, 3) for (_, begin), (name, end) in itertools.pairwise(marks)}
    sys.stdout.write(json.dumps(spans) + "\n")


if __name__ == "__main__":
    main()
