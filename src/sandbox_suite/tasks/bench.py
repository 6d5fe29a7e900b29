"""bench.*: figures, measured here and now. Progress on stderr, one JSON object on stdout with `--json`."""

import json as json_module
import os
import subprocess
import sys

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.tasks import output

HELP = {"runs": "how often each side runs", "seed": "of whatever is random", "json": "one JSON object on stdout"}


@task(help=HELP)
def start(context: Context, runs: int = 5, seed: int = 1, json: bool = False) -> None:
    """Time `./invoke --list` and `sandbox.list` as whole processes."""
    _bench("start", runs, seed, json)


@task(help={**HELP, "profile": "where the time of our median run went, too"})
def job(context: Context, runs: int = 5, seed: int = 1, profile: bool = False, json: bool = False) -> None:
    """Time the whole job against Molecule and against the Engine API alone, interleaved."""
    _bench("job", runs, seed, json, *(["--profile"] if profile else []))


@task(help=HELP)
def sessions(context: Context, runs: int = 5, seed: int = 1, json: bool = False) -> None:
    """Time the 15-task role, one exec and 30 testinfra checks against mitogen and the docker connection."""
    _bench("sessions", runs, seed, json)


@task(help={**HELP, "minutes": "how long the frame protocol is fuzzed"})
def hostile(context: Context, runs: int = 1, seed: int = 1, minutes: float = 10, json: bool = False) -> None:
    """Meet hostile and broken containers, and fuzz the frame protocol."""
    _bench("hostile", runs, seed, json, "--minutes", str(minutes))


@task(help=HELP)
def parallel(context: Context, runs: int = 3, seed: int = 1, json: bool = False) -> None:
    """Time two jobs at once against one, run four at once, and tell the peak memory."""
    _bench("parallel", runs, seed, json)


@task(help={**HELP, "runs": "how many kills"})
def stack_kills(context: Context, runs: int = 50, seed: int = 1, json: bool = False) -> None:
    """Kill worker, forkserver, holder or Pulumi at random instants of provision and destroy; then resume or destroy."""
    _bench("stack_kills", runs, seed, json)


@task(help={**HELP, "runs": "how many kills"})
def kills(context: Context, runs: int = 200, seed: int = 1, json: bool = False) -> None:
    """Kill worker, step, forkserver, Pulumi or Ansible at random instants over all steps; then resume."""
    _bench("kills", runs, seed, json)


@task(help={**HELP, "runs": "how many jobs at once"})
def ten(context: Context, runs: int = 10, seed: int = 1, json: bool = False) -> None:
    """Run ten real jobs at once, of two tenants with quotas: verdicts, seconds until the last ends, peak memory."""
    _bench("ten", runs, seed, json)


@task(help={**HELP, "runs": "how many jobs"})
def chaos(context: Context, runs: int = 20, seed: int = 1, json: bool = False) -> None:
    """Run real jobs, ten at once, while jobs, workers and the reaper are killed: what is left afterwards."""
    _bench("chaos", runs, seed, json)


@task(help={**HELP, "runs": "how often 10,000 values are planted"})
def leaks(context: Context, runs: int = 1, seed: int = 1, json: bool = False) -> None:
    """Plant leaks of every kind, judge clean datasets, and break the masker in every way: what the gate blocks."""
    _bench("leaks", runs, seed, json)


@task(help=HELP)
def masking(context: Context, runs: int = 3, seed: int = 1, json: bool = False) -> None:
    """Mask a million rows against plain Python, compare cells, and time the cold path to a golden database."""
    _bench("masking", runs, seed, json)


@task(help=HELP)
def deploy(context: Context, runs: int = 1, seed: int = 1, json: bool = False) -> None:
    """Time what a user waits for a million new rows: import, then a whole job with them."""
    _bench("deploy", runs, seed, json)


@task(
    help={
        "seed": HELP["seed"],
        "json": HELP["json"],
        "development": "the columns that the rules were written with, instead of the judged ones",
        "wrong": "tell each column that was taken for something else, on stderr",
    }
)
def detection(
    context: Context, seed: int = 1, development: bool = False, wrong: bool = False, json: bool = False
) -> None:
    """Look at columns of personal data in languages without word lists: recall, precision, time per column."""
    flags = [f"--{name}" for name, given in (("development", development), ("wrong", wrong)) if given]
    _bench("detection", 1, seed, json, *flags)


@task(help=HELP)
def clone(context: Context, runs: int = 5, seed: int = 1, json: bool = False) -> None:
    """Time a golden database of 100,000 rows to its first answer, ten at once, a reset, and a rollback."""
    _bench("clone", runs, seed, json)


@task(name="report", help=HELP)
def report_(context: Context, runs: int = 5, seed: int = 1, json: bool = False) -> None:
    """Time the rendering of a report of 1,000 cases, and tell its size."""
    _bench("report", runs, seed, json)


@task(help=HELP)
def regression(context: Context, runs: int = 5, seed: int = 1, json: bool = False) -> None:
    """Time the smoke plan's 50 HTTP cases, and a table of 1,000 requests, inside a real sandbox."""
    _bench("regression", runs, seed, json)


@task(help={**HELP, "runs": "how many pairs with a slowdown, and as many without"})
def verdicts(context: Context, runs: int = 400, seed: int = 1, json: bool = False) -> None:
    """Judge pairs of versions of a real little service, half of them 10 % slower: what is found, what is false."""
    _bench("verdicts", runs, seed, json)


@task(help={**HELP, "runs": "how many jobs, of five tenants"})
def queue(context: Context, runs: int = 1000, seed: int = 1, json: bool = False) -> None:
    """Run many jobs of five tenants while workers are killed: what is lost, run twice or passed over."""
    _bench("queue", runs, seed, json)


@task(help=HELP)
def engine(context: Context, runs: int = 5, seed: int = 1, json: bool = False) -> None:
    """Time what the engine of jobs costs: a step, submit to first step, a worker's start, idle CPU and memory."""
    _bench("engine", runs, seed, json)


def _bench(name: str, runs: int, seed: int, json: bool, *more: str) -> None:
    """Run tests/benchmarks/<name>.py, which prints one JSON object."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{name}", "--runs", str(runs), "--seed", str(seed), *more],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        env={key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"},
    )
    if done.returncode:
        raise Exit(f"bench.{name} failed", code=5)
    figures = json_module.loads(done.stdout)
    if json:
        output.facts(figures)
    else:
        output.lines(f"{key:<16} {value}" for key, value in figures.items() if key != "profile")  # told as a table
