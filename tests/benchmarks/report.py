"""Time the rendering of a report of 1,000 cases in a process that has just started, as a step's has."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sandbox_suite.core.settings import CHECKOUT
from tests.benchmarks.measuring import QUIET, arguments, median, say, tell

CASES = 1_000
SUITES = ("http-bash", "http-node", "http-python", "http-table")
HEADERS = "server: desk\ncontent-type: application/json\ncache-control: no-store\nx-request-id: {}\n"


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--once"]:
        _once(Path(sys.argv[2]))
        return
    asked = arguments()
    with tempfile.TemporaryDirectory(prefix="sbx-bench-report-") as folder:
        _make(Path(folder), asked.seed)
        runs = []
        for number in range(asked.runs + 1):
            runs.append(_in_a_process(Path(folder)))
            say(f"{'not counted' if not number else f'run {number}'}: {runs[-1]}")
    kept = runs[1:]
    tell(
        {
            "render_s": median([run["render_s"] for run in kept]),
            **{name: median([run[name] for run in kept]) for name in ("render_cpu_s", "step_s", "import_s")},
            **{name: value for name, value in kept[-1].items() if name.endswith("_bytes")},
            "cases": CASES,
            "runs": asked.runs,
            "seed": asked.seed,
        }
    )


def _make(home: Path, seed: int) -> None:
    """Write a job of 1,000 cases with what HTTP cases hold: 50 failed, 10 in error, 20 flaky, 20 skipped."""
    import random

    from tests.unit.reports_job import line, make

    chance = random.Random(seed)
    results: list[dict[str, Any]] = []
    for number in range(CASES):
        request = f"{chance.getrandbits(128):032x}"
        items = [{"id": item, "name": f"customer {item}", "mail": f"{item:x}@example.com"} for item in range(30)]
        said: dict[str, Any] = {
            "seconds": round(chance.lognormvariate(-4, 1), 6),
            "request": f"GET /api/v1/customers?page={number}\nX-PowerX-Tenant: acme",
            "response": f"200 OK\n{HEADERS.format(request)}\n{json.dumps(items)}",
            "suite": SUITES[number % len(SUITES)],
            "tags": ["customers"],
        }
        name = f"customers-page-{number:04}"
        kind = number % 100
        if kind < 5:
            results.append(line(name, "failed", message="expected 30 items, got 29\n" * 5, **said))
        elif kind == 5:
            results.append(line(name, "error", message="connection reset", **said))
        elif kind in (6, 7):
            results += [line(name, "failed", attempt=1, **said), line(name, attempt=2, **said)]
        elif kind in (8, 9):
            results.append(line(name, "skipped", message="not on this plan", **said))
        else:
            results.append(line(name, **said))
    critical = [f"{SUITES[number % 4]}/customers-page-{number:04}" for number in range(0, CASES, 10)]
    make(home, results, critical=critical)


def _in_a_process(home: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.report", "--once", str(home)],
        cwd=CHECKOUT, stdout=subprocess.PIPE, check=True, env=QUIET,
    )  # fmt: skip
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _once(home: Path) -> None:
    """Run the step once, and time its rendering apart."""
    begin = time.perf_counter()
    import jinja2  # noqa: F401 - what a step's process has imported when it begins (`PRELOAD`)

    from sandbox_suite.reports import rendering
    from tests.unit.reports_job import run

    imported = time.perf_counter()
    taken: list[float] = []
    worked: list[float] = []
    render = rendering.render

    def timed(*given: Any, **named: Any) -> dict[str, Path]:
        start, before = time.perf_counter(), time.process_time()
        paths = render(*given, **named)
        taken.append(time.perf_counter() - start)
        worked.append(time.process_time() - before)
        return paths

    rendering.render = timed
    made = run(home)
    ended = time.perf_counter()
    sizes = {f"{name}_bytes": Path(path).stat().st_size for name, path in made["report"].items()}
    figures = {
        "render_s": taken[0],
        "render_cpu_s": worked[0],
        "step_s": ended - imported,
        "import_s": imported - begin,
        **sizes,
    }
    sys.stdout.write(json.dumps({name: round(value, 4) for name, value in figures.items()}) + "\n")


if __name__ == "__main__":
    main()
