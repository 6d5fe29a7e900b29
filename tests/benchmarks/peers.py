"""Molecule as a side of bench.job: its virtual environment, what it is given, and one `molecule test`."""

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox_suite.core.clock import utc_now
from sandbox_suite.core.files import file_digest, write_atomic, write_json
from sandbox_suite.core.settings import CHECKOUT, settings
from tests.benchmarks.measuring import QUIET, say

FOLDER = CHECKOUT / "tests" / "benchmarks"
LOCK = FOLDER / "requirements.lock"
CASES = 50
CHECKS = 30
STEP = re.compile(
    r"\[default > (create|converge|verify|destroy)\] Executing\s*$"
)  # as Molecule says it without colours


def environment() -> Path:
    """Return the peers' virtual environment, made from its lock in the cache on first use."""
    place = settings().cache / "peers"
    stamp = place / "lock"
    if not stamp.exists() or stamp.read_bytes() != LOCK.read_bytes():
        say("making the peers' virtual environment (some 600 MB, once)")
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        _install(place)
        write_atomic(stamp, LOCK.read_bytes())
    return place


def _install(place: Path) -> None:
    """Install the lock: by uv where the project's environment has it, which is many times quicker, else by pip."""
    python = str(place / "bin" / "python")
    wanted = ["--quiet", "--require-hashes", "-r", str(LOCK)]
    uv = Path(sys.prefix) / "bin" / "uv"
    if uv.exists():
        command = [str(uv), "pip", "install", "--python", python, "--compile-bytecode", *wanted]
        if subprocess.run(command, env={**_pip_configuration(), **QUIET}, stdout=sys.stderr).returncode == 0:
            return
        say("uv could not install them; pip, which knows this machine's own configuration, tries")
    subprocess.run([python, "-m", "pip", "install", *wanted], env=QUIET, check=True, stdout=sys.stderr)


def _pip_configuration() -> dict[str, str]:
    """Return pip's configuration as uv wants it, which reads none of pip's."""
    names = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "cert": "SSL_CERT_FILE"}
    found = {}
    for key, name in names.items():
        asked = [sys.executable, "-m", "pip", "config", "get", f"global.{key}"]
        told = subprocess.run(asked, capture_output=True, text=True).stdout
        found[name] = os.environ.get(f"PIP_{key.upper().replace('-', '_')}") or told.strip()
    return {"UV_HTTP_TIMEOUT": "120", **{name: value for name, value in found.items() if value}}


class Molecule:
    """The same work by `molecule test`. Everything that it writes lies in `scratch`."""

    def __init__(self, place: Path, plan: dict[str, Any], scratch: Path) -> None:
        self.place = place
        self.plan = plan
        self.scratch = scratch
        # A copy: what Molecule and pytest leave beside a scenario goes with it, and our pytest settings do not count.
        self.project = scratch / "peer"
        shutil.copytree(FOLDER / "peer", self.project)
        self._write_input()

    def run(self) -> dict[str, float]:
        """Run it once; return the seconds of each step. All cases and checks must have passed."""
        name = f"sbx-peer-{secrets.token_hex(4)}"
        results = self.scratch / name
        results.mkdir()
        try:
            output, steps = self._test(self._variables(name, results))
        finally:
            remove(name)
        lines = [line for file in results.glob("*.jsonl") for line in file.read_text().splitlines()]
        passed = sum(json.loads(line)["outcome"] == "passed" for line in lines)
        checks = re.search(r"(\d+) passed", output)
        if passed != CASES or not checks or int(checks[1]) != CHECKS:
            say(output[-4000:])
            raise SystemExit(f"molecule: {passed} of {CASES} cases passed, {checks and checks[0]} of {CHECKS} checks")
        return steps

    def _test(self, variables: dict[str, str]) -> tuple[str, dict[str, float]]:
        """Run `molecule test`; return what it printed, and the seconds between the lines that begin a step."""
        command = [str(self.place / "bin" / "molecule"), "test"]
        marks = [("start", time.perf_counter())]
        output = []
        process = subprocess.Popen(
            command,
            cwd=self.project,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        with process, _ended(process):
            assert process.stdout
            for line in process.stdout:
                output.append(line)
                if found := STEP.search(line):
                    marks.append((found[1], time.perf_counter()))
        if process.returncode:
            say("".join(output)[-6000:])
            raise SystemExit(f"molecule test ended with {process.returncode}")
        ends = [moment for _, moment in marks[1:]] + [time.perf_counter()]
        steps = {step: round(end - begin, 3) for (step, begin), end in zip(marks, ends, strict=True)}
        return "".join(output), steps

    def _variables(self, name: str, results: Path) -> dict[str, str]:
        """Return the environment: what molecule.yml asks for, and a home of its own."""
        from sandbox_suite.toolchain.images import references

        images = {**self.plan["images"], "database": references()["database"]}  # the one without a dataset
        limits = {
            f"PEER_{part}_{key}".upper(): str(limits[key])
            for part, limits in self.plan["limits"].items()
            for key in ("cpus", "memory_mb", "tmpfs_mb")
        }
        return {
            **QUIET,
            **limits,
            **{f"PEER_{part.upper()}_IMAGE": image for part, image in images.items()},
            "PEER_NAME": name,
            "PEER_WORK": str(self.scratch),
            "PEER_RESULTS": str(results),
            "PATH": f"{self.place / 'bin'}:{QUIET['PATH']}",
            "HOME": str(self.scratch),
            "NO_COLOR": "1",
        }

    def _write_input(self) -> None:
        """Write rows, suites and variables as the playbook wants them."""
        plan, manifest = self.plan, self.plan["plugin"]["manifest"]
        write_rows(plan["dataset"], self.scratch / "rows")
        with tarfile.open(self.scratch / "rows.tar", "w") as archive:
            archive.add(self.scratch / "rows", "rows")
        with tarfile.open(self.scratch / "suites.tar", "w") as archive:
            for suite in plan["suites"]:
                archive.add(suite["folder"], f"suites/{suite['name']}", filter=_source)
        package = Path(plan["plugin"]["package"])
        values = {
            "peer_package": str(package),
            "peer_sha256": file_digest(package).removeprefix("sha256:"),
            "peer_password": secrets.token_urlsafe(24),
            "peer_grants": [f"dataset.{table}" for table in plan["dataset"]["grants"]],
            "peer_digests": [proof["expected"] for proof in plan["dataset"]["proofs"]],
            "peer_migrate": " ".join([manifest["migrations"]["entry"], *manifest["migrations"]["args"]]),
            "peer_start": " ".join([manifest["runtime"]["entry"], *manifest["runtime"]["args"]]),
            "peer_suites": [{"name": suite["name"], "run": " ".join(suite["run"])} for suite in plan["suites"]],
        }
        write_json(self.project / "molecule" / "default" / "group_vars" / "all.json", values)


@contextlib.contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """End the process with all its children where this one is told to end."""
    try:
        yield
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        raise


def _source(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in member.name else member


def write_rows(dataset: dict[str, Any], rows: Path) -> None:
    """Write the attested rows as CSV, with the SQL that loads and proves them."""
    import polars as pl

    from sandbox_suite.datasets import prepare
    from sandbox_suite.postgres import ddl

    reference = f"{dataset['name']}@{dataset['version']}"
    found = prepare.prepare(reference, CHECKOUT / dataset["policy"], settings(), say, utc_now)
    rows.mkdir()
    tables = found.manifest["tables"]
    lines = ["CREATE SCHEMA dataset;", *(f"{line};" for line in ddl.create_tables(tables))]
    for name in tables:
        pl.read_parquet(found.table(name)).write_csv(rows / f"{name}.csv")
        lines.append(f"\\copy dataset.{name} FROM '/tmp/rows/{name}.csv' (FORMAT csv, HEADER)")
    lines += [f"{line};" for line in ddl.create_keys(tables)]
    (rows / "load.sql").write_text("\n".join([*lines, "ANALYZE;", ""]))
    (rows / "prove.sql").write_text("".join(f"{proof['sql']};\n" for proof in dataset["proofs"]))


def remove(name: str) -> None:
    """Remove what a run that ended early left on the engine: its containers, then its network."""
    from sandbox_suite.engine.connection import client

    engine = client()
    for container in engine.containers(all=True, filters={"name": f"^/?{name}"}):
        engine.remove_container(container["Id"], force=True, v=True)
    for network in engine.networks(filters={"name": name}):
        engine.remove_network(network["Id"])
