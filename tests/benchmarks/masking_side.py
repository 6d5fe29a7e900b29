"""Our side of bench.masking: an imported version masked into a quarantine.

python -m tests.benchmarks.masking_side import FOLDER     # FOLDER/people becomes a raw version in FOLDER/home
python -m tests.benchmarks.masking_side mask FOLDER       # into FOLDER/out: prints rows, seconds, memory
"""

import json
import shutil
import sys
import time
from pathlib import Path

from sandbox_suite.core.clock import utc_now
from sandbox_suite.core.progress import silent
from sandbox_suite.core.settings import CHECKOUT, Settings, load
from sandbox_suite.datasets import importing, masking, places, policy
from tests.benchmarks import people, plain_python

REFERENCE = f"{people.NAME}@{people.VERSION}"


def home(folder: Path) -> Settings:
    """Return the settings of a home in `folder`."""
    return load(CHECKOUT / "config" / "settings.yaml", {"SANDBOX_HOME": str(folder / "home")})


def bring(source: Path, settings: Settings) -> None:
    """Import a folder as `people@1`."""
    wanted = importing.Wanted(str(source))
    importing.run(REFERENCE, wanted, importing.Keys(), settings, container, silent, utc_now)


def container(*_: object) -> str:
    """Refuse: files need no database to be read with."""
    raise SystemExit("no database was to be needed")


def mask(folder: Path) -> dict[str, float]:
    """Mask; return rows, seconds from the first row read to all written, CPU seconds, and the peak of memory."""
    source, rules, out = (
        places.find(REFERENCE, home(folder)),
        policy.load(folder / "people" / "people.yaml"),
        folder / "out",
    )
    shutil.rmtree(out, ignore_errors=True)
    start, worked = time.perf_counter(), time.process_time()
    masking.mask(source, rules, plain_python.MASTER, out, silent)
    seconds, cpu = time.perf_counter() - start, time.process_time() - worked
    rows = json.loads((out / "quarantine.json").read_text())["tables"]["people"]["rows"]
    return {"rows": rows, "seconds": seconds, "cpu_s": cpu, "rss_mb": peak_mb()}


def peak_mb() -> float:
    """Return the most memory this process held (what its parent held is not in it, as it is in `ru_maxrss`)."""
    status = Path("/proc/self/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024, 1)


def main() -> None:
    """Import, or mask and tell."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    if what == "import":
        bring(folder / "people", home(folder))
    sys.stdout.write(json.dumps(mask(folder) if what == "mask" else {}))


if __name__ == "__main__":
    main()
