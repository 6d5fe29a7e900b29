"""bench.regression: the smoke plan's 50 HTTP cases, and a table of 1,000 requests, in a real sandbox.

Seconds are those inside the sandbox: from the start of the first suite's script to the end of the last one, as the run
itself notes them. `fifty_s` and `thousand_s` are of a kept sandbox with nothing beside them; in a job verification runs
beside the suites, and the control plane adds its own: those figures stand beside.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from sandbox_suite.core.clock import new_job_id, utc_now
from sandbox_suite.core.files import read_json
from sandbox_suite.core.settings import CHECKOUT, settings
from sandbox_suite.jobs import suite_check, table
from sandbox_suite.jobs.database import connect
from sandbox_suite.regression.suites import Suite
from tests.benchmarks.measuring import arguments, median, say, tell
from tests.benchmarks.own_home import RUN, own_home
from tests.e2e.conftest import Invoke

FIFTY, THOUSAND = 50, 1_000


def main() -> None:
    """Measure."""
    if sys.argv[1:2] == ["--once"]:
        _once(sys.argv[2])
        return
    asked = arguments()
    with own_home() as invoke, tempfile.TemporaryDirectory(prefix="sbx-bench-") as scratch:
        jobs = [_smoke(invoke, number) for number in range(asked.runs)]
        rows = _table(Path(scratch))
        kept = _kept(invoke)
        try:
            fifty = [_suites_alone(invoke, kept, number) for number in range(asked.runs + 1)][1:]
            thousand = [_check(invoke, kept, rows, number) for number in range(asked.runs + 1)][1:]
        finally:
            invoke("sandbox.destroy", "--job", kept)
    tell(
        {
            "fifty_s": median([max(run.values()) for run in fifty]),
            "suites": {name: median([run[name] for run in fifty]) for name in fifty[0]},
            "fifty_job_s": median([run["inside"] for run in jobs]),
            "fifty_step_s": median([run["step"] for run in jobs]),
            "thousand_s": median([run["inside"] for run in thousand]),
            "thousand_check_s": median([run["play"] for run in thousand]),
            "runs": asked.runs,
            "seed": asked.seed,
        }
    )


def _smoke(invoke: Invoke, number: int) -> dict[str, Any]:
    """Run a job of the smoke plan; return the seconds of its regression."""
    ended = invoke(*RUN)
    counts = ended.json["cases"]
    if ended.code or counts["passed"] != FIFTY:
        raise SystemExit(f"the job ended with {ended.code}, {counts}")
    suites = _suites(invoke.home / "jobs" / ended.json["job"] / "artifacts" / "results")
    step = next(step["seconds"] for step in ended.json["steps"] if step["name"] == "regress")
    say(f"run {number + 1}: 50 cases {max(suites.values()):.3f} s, step {step:.3f} s, {suites}")
    return {"inside": max(suites.values()), "step": step, "suites": suites}


def _suites_alone(invoke: Invoke, job: str, number: int) -> dict[str, float]:
    """Run the smoke plan's suites in a kept sandbox, side by side as in a job; return the seconds of each."""
    home = {key: value for key, value in invoke.environment.items() if key.startswith("SANDBOX_")}
    command = [sys.executable, "-m", "tests.benchmarks.regression", "--once", job]
    subprocess.run(command, cwd=CHECKOUT, env={**os.environ, **home}, check=True)
    suites = _suites(invoke.home / "jobs" / job / "checks" / "fifty" / "results")
    say(f"{'not counted' if not number else f'run {number}'}: 50 cases alone {max(suites.values()):.3f} s, {suites}")
    return suites


def _once(job: str) -> None:
    here = settings()
    plan = read_json(here.job(job) / "plan.json")
    suites = [Suite.from_dict(suite) for suite in plan["suites"]]
    checked = suite_check.together(
        here, table.get(connect(here), job), suites, "fifty", new_job_id(utc_now()), "bench", utc_now,
        lambda _: None, parallel=len(suites),
    )  # fmt: skip
    if checked.results.counts()["passed"] != FIFTY:
        raise SystemExit(f"{checked.results.counts()}")


def _kept(invoke: Invoke) -> str:
    ended = invoke(*RUN, "--keep")
    if ended.code:
        raise SystemExit(f"the job ended with {ended.code}:\n{ended.err[-2000:]}")
    return str(ended.json["job"])


def _check(invoke: Invoke, job: str, suite: Path, number: int) -> dict[str, float]:
    """Run the table against the kept sandbox; return the seconds of its script, and of the whole play."""
    ended = invoke("suite.check", "--suite", str(suite), "--job", job, "--json")
    if ended.code or ended.json["counts"]["passed"] != THOUSAND:
        raise SystemExit(f"the table ended with {ended.code}: {ended.out[:2000]}{ended.err[-2000:]}")
    inside = max(_suites(Path(ended.json["folder"])).values())
    say(f"{'not counted' if not number else f'run {number}'}: 1,000 cases {inside:.3f} s")
    return {"inside": inside, "play": ended.json["seconds"]}


def _suites(results: Path) -> dict[str, float]:
    return {suite["name"]: suite["seconds"] for suite in read_json(results / "run.json")["suites"]}


def _table(folder: Path) -> Path:
    """Write a suite of 1,000 requests: lists, one customer, its orders, what is refused; each with checks."""
    suite = folder / "thousand"
    suite.mkdir()
    tenant = {"X-PowerX-Tenant": "acme", "X-PowerX-Permissions": "customers:read,orders:read"}
    kinds = (
        lambda at: {"get": "/api/v1/customers", "query": {"limit": 1 + at % 20},
                    "expect": {"status": 200, "json": {"$.items": {"type": "array", "length": 1 + at % 20}}}},
        lambda at: {"get": "/api/v1/customers/{{customer}}",
                    "expect": {"json": {"$.customer_id": "{{customer}}", "$.national_id": {"present": False}}}},
        lambda at: {"get": "/api/v1/customers/{{customer}}/orders", "query": {"limit": 10},
                    "expect": {"json": {"$.items": {"type": "array"}}}},
        lambda at: {"get": "/api/v1/customers", "headers": {"X-PowerX-Tenant": None}, "expect": {"status": 401}},
    )  # fmt: skip
    first = {"name": "first", "get": "/api/v1/customers", "query": {"limit": 1},
             "save": {"customer": "$.items[0].customer_id"}}  # fmt: skip
    rows = [first] + [{"name": f"case {at}", **kinds[at % len(kinds)](at)} for at in range(1, THOUSAND)]
    content = {"defaults": {"headers": tenant}, "requests": rows}
    (suite / "requests.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    (suite / "suite.yaml").write_text("name: thousand\nlanguage: http\nrun: [http-table, requests.yaml]\n")
    return suite


if __name__ == "__main__":
    main()
