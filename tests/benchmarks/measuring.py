"""Timing whole processes, and telling on what machine."""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox_suite.core.settings import CHECKOUT

INVOKE = str(CHECKOUT / "invoke")
QUIET = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}  # compiled files count


def arguments(*flags: str) -> argparse.Namespace:
    """Return --runs and --seed, and whether each of `flags` was given."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    for flag in flags:
        parser.add_argument(f"--{flag}", action="store_true")
    return parser.parse_args()


def say(line: str) -> None:
    """Tell progress."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def machine() -> dict[str, Any]:
    """Return what this was measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "load": round(os.getloadavg()[0], 2),
    }


def timed(command: Sequence[str], environment: dict[str, str] | None = None, cwd: Path = CHECKOUT) -> tuple[float, str]:
    """Run a command to its end; return (seconds from start to exit, what it printed). It must succeed."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        say(done.stdout[-3000:] + done.stderr[-3000:])
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
    return seconds, done.stdout


def median(values: Sequence[float]) -> float:
    """Return the median, to the millisecond."""
    return round(statistics.median(values), 3)


def busy_seconds() -> float:
    """Return the CPU seconds that the whole machine has worked since it started: engine and containers included."""
    with Path("/proc/stat").open() as file:
        user, nice, system, _, _, irq, softirq, *_ = map(int, file.readline().split()[1:])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def peak_mb() -> float:
    """Return the largest memory of a finished child."""
    return round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, 1)


def tell(figures: dict[str, Any]) -> None:
    """Print the one JSON object."""
    sys.stdout.write(json.dumps({**figures, "machine": machine()}, indent=2) + "\n")
