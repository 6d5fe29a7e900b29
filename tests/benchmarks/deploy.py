"""bench.deploy: what a user waits for who brings a million new rows: their import, and a whole job with them.

The rows are those of bench.masking beside the tables of the customer desk, so that its suites run as ever. Nothing of
them is there before; images, worker and caches are warm, as after any job.
"""

import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.datasets import example
from tests.benchmarks import people
from tests.benchmarks.measuring import arguments, median, say, tell
from tests.benchmarks.own_home import own_home
from tests.e2e.conftest import Ended, Invoke

ROWS = 1_000_000
NAME, PLAN, PLANS = "people-desk", "million", Path("plugins") / "debug" / "data_suite.yaml"
SAMPLE, RULES = CHECKOUT / "examples/datasets/customer-sample.yaml", CHECKOUT / "config/masking/customers-qa.yaml"
DATABASE = {"memory_mb": 2048, "tmpfs_mb": 1536}  # a clone in memory holds all rows


def main() -> None:
    """Measure, and print the medians."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    asked = arguments()
    taken = []
    with tempfile.TemporaryDirectory(prefix="sbx-bench-") as scratch:
        folder = Path(scratch)
        say(f"{ROWS} rows are made")
        write(folder / "rows", ROWS, asked.seed)
        config = configured(folder / "config", folder / "rows" / "policy.yaml")
        for number in range(asked.runs):
            with own_home(SANDBOX_CONFIG=str(config), SANDBOX_SUITES_CONFIG=str(config / PLANS)) as invoke:
                taken.append(once(invoke, folder / "rows"))
            say(f"run {number + 1} of {asked.runs}: {taken[-1]}")
    keys = ("deploy_load_s", "import_s", "job_s")
    told: dict[str, Any] = {key: median([one[key] for one in taken]) for key in keys}
    steps = {step: median([one["steps"][step] for one in taken]) for step in taken[0]["steps"]}
    tell(told | {"steps": steps, "rows": taken[0]["rows"], "runs": asked.runs, "seed": asked.seed})


def once(invoke: Invoke, source: Path) -> dict[str, Any]:
    """Import and run the job; return the seconds of both commands as whole processes, and of each step."""
    start = time.perf_counter()
    imported = ended(invoke("dataset.import", "--name", f"{NAME}@1", "--from", str(source), "--json"))
    between = time.perf_counter()
    job = ended(invoke("sandbox.run", "--plan", PLAN, "--json"))
    end = time.perf_counter()
    if job["verdict"] != "passed":
        raise SystemExit(f"the job: {job['verdict']}, {job['cases']}")
    steps = {step["name"]: step["seconds"] for step in job["steps"]}
    return {
        "deploy_load_s": end - start,
        "import_s": between - start,
        "job_s": end - between,
        "steps": steps,
        "rows": imported["rows"],
    }


def ended(done: Ended) -> dict[str, Any]:
    """Return what a command told; it must have succeeded."""
    if done.code:
        raise SystemExit(f"a command ended with {done.code}:\n{done.err[-3000:]}")
    return done.json


def write(folder: Path, rows: int, seed: int) -> None:
    """Write the rows, their description and their policy into `folder`."""
    people.write(folder, rows, seed)
    described = yaml.safe_load(SAMPLE.read_text())
    made = described.pop("generator")
    for name, table in example.make(made["seed"], made["rows"]).items():
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
    own = yaml.safe_load(people.SOURCE)
    described |= {"dataset": NAME, "version": "1", "tables": own["tables"] | described["tables"]}
    described["files"] = {name: f"{name}.parquet" for name in described["tables"]}
    (folder / "dataset.yaml").write_text(yaml.safe_dump(described))
    rules, more = yaml.safe_load(RULES.read_text()), yaml.safe_load(people.POLICY)
    rules |= {"policy": NAME, "tables": rules["tables"] | more["tables"]}
    rules["domains"] = more["domains"] | rules["domains"]
    (folder / "policy.yaml").write_text(yaml.safe_dump(rules, sort_keys=False))


def configured(folder: Path, policy: Path) -> Path:
    """Write the shipped configuration with a plan for the rows, and a database that has room for them."""
    shutil.copytree(CHECKOUT / "config", folder)
    plans = folder / PLANS
    known = yaml.safe_load(plans.read_text())
    known["plans"][PLAN] = known["plans"]["smoke"] | {"dataset": f"{NAME}@1", "policy": str(policy)}
    plans.write_text(yaml.safe_dump(known))
    limits = folder / "sandbox" / "resource_policies.yaml"
    resources = yaml.safe_load(limits.read_text())
    resources["parts"]["database"] |= DATABASE
    limits.write_text(yaml.safe_dump(resources))
    return folder


if __name__ == "__main__":
    main()
