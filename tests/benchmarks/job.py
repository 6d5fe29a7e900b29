"""bench.job: the whole job, against Molecule and against the Engine API alone, interleaved in one run.

Seconds are from command to exit; `cpu_s` is what the whole machine worked meanwhile (engine, worker, containers and
children included), so nothing else should run. Ours and the floor clone the golden database, Molecule loads the rows.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox_suite.core.files import read_json
from sandbox_suite.core.settings import CHECKOUT, settings
from tests.benchmarks.measuring import INVOKE, arguments, busy_seconds, median, say, tell, timed

PEER = CHECKOUT / "tests" / "benchmarks" / "peer"
LOCK = CHECKOUT / "tests" / "benchmarks" / "requirements.lock"
QUIET = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def main() -> None:
    """Measure."""
    asked = arguments()
    peer = peer_environment()
    say("one run of ours, kept, to make dataset, images and worker warm")
    run = json.loads(timed([INVOKE, "sandbox.run", "--plan", "smoke", "--json"], QUIET)[1])
    folder = settings().job(run["job"])
    plan = read_json(folder / "plan.json")
    with tempfile.TemporaryDirectory() as scratch:
        sides: dict[str, Callable[[], dict[str, Any]]] = {
            "ours": ours,
            "floor": lambda: floor(folder / "plan.json"),
            "molecule": lambda: molecule(peer, plan, run["dataset"], Path(scratch)),
        }
        taken: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
        for number in range(asked.runs):
            for name, side in sides.items():
                before, start = busy_seconds(), time.perf_counter()
                steps = side()
                seconds, cpu = time.perf_counter() - start, busy_seconds() - before
                taken[name].append({"seconds": seconds, "cpu": cpu, "steps": steps})
                say(f"run {number + 1} of {asked.runs}: {name:<9} {seconds:6.2f} s, {cpu:5.1f} CPU-seconds")
    tell(figures(taken, asked.runs))


def figures(taken: dict[str, list[dict[str, Any]]], runs: int) -> dict[str, Any]:
    """Return the medians, and the ratios pair by pair."""

    def seconds(side: str) -> float:
        return median([one["seconds"] for one in taken[side]])

    def ratio(side: str) -> float:
        pairs = zip(taken["ours"], taken[side], strict=True)
        return median([ours["seconds"] / other["seconds"] for ours, other in pairs])

    names = taken["ours"][0]["steps"]
    return {
        "ratio_molecule": ratio("molecule"),
        "ratio_floor": ratio("floor"),
        "seconds": {side: seconds(side) for side in taken},
        "steps": {name: median([one["steps"][name] for one in taken["ours"]]) for name in names},
        "floor_steps": {
            name: median([one["steps"][name] for one in taken["floor"]]) for name in taken["floor"][0]["steps"]
        },
        "cpu_s": median([one["cpu"] for one in taken["ours"]]),
        "runs": runs,
    }


def ours() -> dict[str, float]:
    """Run the job; return the seconds of each step."""
    run = json.loads(timed([INVOKE, "sandbox.run", "--plan", "smoke", "--json"], QUIET)[1])
    assert run["verdict"] == "passed"
    assert run["setup"] == []
    return {step["name"]: step["seconds"] for step in run["steps"]}


def floor(plan: Path) -> dict[str, float]:
    """Do the same work through the Engine API."""
    spans: dict[str, float] = json.loads(timed([sys.executable, "-m", "tests.benchmarks.floor", str(plan)], QUIET)[1])
    return spans


def molecule(environment: Path, plan: dict[str, Any], dataset: dict[str, Any], scratch: Path) -> dict[str, float]:
    """Do the same work by `molecule test`."""
    rows = scratch / "rows"
    if not rows.exists():
        write_rows(dataset, rows)
    name = f"sbx-peer-{secrets.token_hex(3)}"
    suites = plan["suites"]
    images = plan["images"]
    results = scratch / name
    results.mkdir()
    ours = {
        "PEER_NAME": name,
        "PEER_DATABASE_IMAGE": database_image(),
        "PEER_PLUGIN_IMAGE": images["plugin"],
        "PEER_RUNNER_IMAGE": images["runner"],
        "PEER_ROWS": str(rows),
        "PEER_PACKAGE": plan["plugin"]["package"],
        "PEER_SUITES": str(Path(suites[0]["folder"]).parent),
        "PEER_RUNS": json.dumps([{"name": suite["name"], "run": " ".join(suite["run"])} for suite in suites]),
        "PEER_RESULTS": str(results),
        "PATH": f"{environment / 'bin'}:{QUIET['PATH']}",
        "MOLECULE_EPHEMERAL_DIRECTORY": str(scratch / "molecule"),
        "ANSIBLE_HOME": str(scratch / "ansible"),
    }
    timed([str(environment / "bin" / "molecule"), "test"], {**QUIET, **ours}, PEER)
    lines = [line for file in results.glob("*.jsonl") for line in file.read_text().splitlines()]
    passed = sum(json.loads(line)["outcome"] == "passed" for line in lines)
    assert passed == 50, passed
    return {}


def database_image() -> str:
    """Return the image of the database without a dataset."""
    from sandbox_suite.toolchain.images import references

    return references()["database"]


def write_rows(dataset: dict[str, Any], rows: Path) -> None:
    """Write the attested rows as CSV, with the SQL that loads them."""
    import polars as pl

    from sandbox_suite.datasets import prepare
    from sandbox_suite.postgres import ddl

    found = prepare.current(f"{dataset['name']}@{dataset['version']}", settings())
    rows.mkdir()
    tables = found.manifest["tables"]
    lines = ["CREATE SCHEMA dataset;", *(f"{line};" for line in ddl.create_tables(tables))]
    for name in tables:
        pl.read_parquet(found.table(name)).write_csv(rows / f"{name}.csv")
        lines.append(f"\\copy dataset.{name} FROM '/tmp/rows/{name}.csv' (FORMAT csv, HEADER)")
    lines += [f"{line};" for line in ddl.create_keys(tables)]
    (rows / "load.sql").write_text("\n".join([*lines, "ANALYZE;", ""]))


def peer_environment() -> Path:
    """Return the peers' virtual environment, made from its lock in the cache on first use."""
    place = settings().cache / "peers"
    stamp = place / "lock"
    if not stamp.exists() or stamp.read_bytes() != LOCK.read_bytes():
        say("making the peers' virtual environment (some 600 MB, once)")
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        pip = [str(place / "bin" / "pip"), "install", "-q", "--require-hashes", "-r", str(LOCK)]
        subprocess.run(pip, check=True, stdout=sys.stderr)
        stamp.write_bytes(LOCK.read_bytes())
    return place


if __name__ == "__main__":
    main()
