"""bench.clone: how long a sandbox's database takes to answer from a golden database of 100,000 rows, and a rollback.

Each database is hardened and limited as in a job, on an internal network. The floor is the same engine's plainest way:
a container without limits that starts an empty database where its image has it.
"""

import contextlib
import dataclasses
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker

from sandbox_suite.core.clock import utc_now
from sandbox_suite.core.progress import silent
from sandbox_suite.core.settings import CHECKOUT, Settings, load
from sandbox_suite.datasets import golden, living, operation, patching, prepare, proof, trail, versions
from sandbox_suite.datasets.golden import Golden
from sandbox_suite.datasets.store import Attested
from sandbox_suite.engine import installation
from sandbox_suite.engine.connection import client as connect
from sandbox_suite.engine.labels import INSTALLATION
from sandbox_suite.jobs import policies
from sandbox_suite.postgres.inside import Psql
from sandbox_suite.toolchain.images import references
from tests.benchmarks.measuring import arguments, median, say, tell

REFERENCE, POLICY = "customer-sample@2025-01", CHECKOUT / "config/masking/customers-qa.yaml"
NAME = f"sbx-clone-{secrets.token_hex(4)}"
MANY = 10
SILENT = {"com.docker.network.bridge.inhibit_ipv4": "true"}
TMPFS = "rw,noexec,nosuid,nodev"
# One exec that asks until there is an answer: each look from outside costs 50 ms.
ASK = 'until psql -h /tmp -XqAt -d sandbox -c "$1" 2>/dev/null; do sleep 0.01; done'
SPOIL = "UPDATE dataset.customers SET full_name = 'spoilt'"
ROWS, EMPTY = "SELECT count(*) FROM dataset.orders", "SELECT 1"


@dataclasses.dataclass
class Bench:
    """The engine, and what is measured on it."""

    client: docker.APIClient
    home: Settings
    made: Golden
    attested: Attested
    limits: Any

    def hardened(self, name: str) -> str:
        """Create a database as a job has it; return its id."""
        volume = ""
        if self.made.volume:
            volume = name
            golden.clone(self.made, self.client, volume, {})
        limits = self.limits
        memory = {} if volume else {"/data/run": f"{TMPFS},size={limits.tmpfs_mb}m,mode=0700,uid=10000,gid=10000"}
        host = self.client.create_host_config(
            network_mode=NAME,
            init=True,
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            mem_limit=f"{limits.memory_mb}m",
            memswap_limit=f"{limits.memory_mb}m",
            nano_cpus=int(limits.cpus * 1e9),
            pids_limit=limits.pids,
            tmpfs={"/tmp": f"{TMPFS},size={limits.tmp_mb}m,mode=1777", **memory},
            binds=[f"{volume}:/data/run"] if volume else [],
        )
        return self._create(name, self.made.image, host, {"PGDATA": "/data/run/pg"})

    def bare(self, name: str) -> str:
        """Create an empty database in the plainest way; return its id."""
        host = self.client.create_host_config(network_mode=NAME)
        return self._create(name, references()["database"], host, {"PGDATA": "/data/pg"})

    def _create(self, name: str, image: str, host: Any, environment: dict[str, str]) -> str:
        made = self.client.create_container(
            image, ["start-database"], name=name, user="postgres", environment=environment, host_config=host
        )
        return str(made["Id"])

    def answers(self, container: str, query: str) -> str:
        """Start a database and return what it answers first."""
        self.client.start(container)
        asked = self.client.exec_create(container, ["sh", "-c", ASK, "ask", query])["Id"]
        return str(self.client.exec_start(asked).decode().strip())

    def one(self, create: Callable[[str], str], query: str) -> tuple[float, str]:
        """Return the seconds from a container's start to its first answer, and the answer."""
        container = create(f"{NAME}-one")
        begin = time.perf_counter()
        answer = self.answers(container, query)
        return time.perf_counter() - begin, answer

    def ten(self, create: Callable[[str], str], query: str) -> tuple[float, set[str]]:
        """Create and start ten at once; return the seconds from the first to the last answer, and the answers."""
        begin = time.perf_counter()
        with ThreadPoolExecutor(MANY) as pool:
            names = [f"{NAME}-{number}" for number in range(MANY)]
            found = set(pool.map(lambda name: self.answers(create(name), query), names))
        return time.perf_counter() - begin, found

    def clear(self) -> None:
        """Remove every database, and the volumes of those that have one."""
        found = self.client.containers(all=True, filters={"name": f"^/{NAME}-"})
        with ThreadPoolExecutor(MANY) as pool:
            list(pool.map(lambda one: self.client.remove_container(one["Id"], force=True, v=True), found))
        for volume in self.client.volumes(filters={"name": NAME})["Volumes"] or []:
            self.client.remove_volume(volume["Name"], force=True)


def measure(bench: Bench, times: dict[str, list[float]]) -> None:
    """Measure each side once, proving what the databases hold."""
    rows = str(bench.attested.manifest["tables"]["orders"]["rows"])
    for name, create, query, wanted in (("floor", bench.bare, EMPTY, "1"), ("clone", bench.hardened, ROWS, rows)):
        seconds, answer = bench.one(create, query)
        _expect(answer, wanted)
        times[f"{name}_s"].append(seconds)
        if name == "clone":
            times["reset_s"].append(reset(bench))
        bench.clear()
        seconds, answers = bench.ten(create, query)
        _expect(answers, {wanted})
        times["ten_s" if name == "clone" else "floor_ten_s"].append(seconds)
        bench.clear()
    times["rollback_s"].append(rollback(bench))


def reset(bench: Bench) -> float:
    """Prove the clone, spoil every table of it, and return the seconds until it is brought back and proved."""
    psql = Psql(bench.client, f"{NAME}-one")
    psql.run("CREATE ROLE bench")
    proved = living.bring(bench.attested, psql, living.Difference(False, ()), "bench", {})
    for table in bench.attested.manifest["tables"]:
        psql.run(f'DELETE FROM dataset."{table}"' if table != "customers" else SPOIL)
    begin = time.perf_counter()
    difference = living.look(bench.attested, psql, proved.writers)
    living.bring(bench.attested, psql, difference, "bench", {})
    _expect(set(difference.tables), set(bench.attested.manifest["tables"]))
    return time.perf_counter() - begin


def rollback(bench: Bench) -> float:
    """Roll the dataset back, prove by content what is current then, and return the seconds; then forth again."""
    by, name = trail.asker(bench.home, "bench"), bench.attested.name
    begin = time.perf_counter()
    versions.rollback(bench.home, name, bench.attested.version, by, utc_now)
    found = proof.expected(bench.attested)
    seconds = time.perf_counter() - begin
    _expect(found, {table: spec["content_digest"] for table, spec in bench.attested.manifest["tables"].items()})
    versions.rollback(bench.home, name, "corrected", by, utc_now)
    return seconds


def _expect(found: object, wanted: object) -> None:
    if found != wanted:
        raise SystemExit(f"the database answered {found}, not {wanted}")


@contextlib.contextmanager
def prepared() -> Iterator[Bench]:
    """Give an attested dataset of two versions and its golden database, in a home of its own; all of it goes after."""
    client = connect(timeout=120)
    with tempfile.TemporaryDirectory(prefix="sbx-bench-") as folder:
        home = load(CHECKOUT / "config" / "settings.yaml", {"SANDBOX_HOME": folder})
        by, made = trail.asker(home, "bench"), None
        try:
            attested = prepare.prepare(REFERENCE, POLICY, home, say, utc_now, by)
            correction = Path(folder) / "rows.csv"
            correction.write_text("table,key,column,value\ncustomers,1,status,closed\n")
            patching.patch(REFERENCE, correction, "corrected", POLICY, home, by, silent, utc_now)
            image = references()["database"]
            backend = golden.choose(operation.load(home.config).golden.clone, client, image, home.home)
            owner = {INSTALLATION: installation(home.home)}
            made = golden.ensure(attested, image, client, say, home.home / "locks", owner, backend)
            client.create_network(NAME, driver="bridge", internal=True, options=SILENT)
            bench = Bench(client, home, made, attested, policies.resources(home.config).parts["database"])
            try:
                yield bench
            finally:
                bench.clear()
                client.remove_network(NAME)
        finally:
            remove(client, made)


def remove(client: docker.APIClient, made: Golden | None) -> None:
    """Remove the golden database: the home's own masking key has made it one that no other installation has."""
    if made and made.volume:
        client.remove_volume(made.volume, force=True)
    elif made:
        client.remove_image(made.image)


def main() -> None:
    """Measure, and print the medians."""
    asked = arguments()
    names = ("clone_s", "ten_s", "rollback_s", "reset_s", "floor_s", "floor_ten_s")
    times: dict[str, list[float]] = {name: [] for name in names}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what is there goes, as after Ctrl-C
    with prepared() as bench:
        measure(bench, {name: [] for name in names})  # a warm-up
        for run in range(asked.runs):
            measure(bench, times)
            say(
                f"run {run + 1} of {asked.runs}: " + ", ".join(f"{name} {seen[-1]:.3f}" for name, seen in times.items())
            )
        backend = bench.made.backend
    figures: dict[str, Any] = {name: median(seen) for name, seen in times.items()}
    tell({**figures, "rows": bench.attested.rows, "backend": backend, "runs": asked.runs, "seed": asked.seed})


if __name__ == "__main__":
    main()
