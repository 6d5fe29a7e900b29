"""bench.gate: how long the gate takes, from its start to its signed verdict, against masking the same rows.

Both run in turn as processes of their own, on the same cores; what is told is the median of each round's ratio.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks import gate_sides, people
from tests.benchmarks.measuring import QUIET, arguments, median, say, tell, timed

ROWS = 1_000_000


def main() -> None:
    """Measure and print."""
    asked = arguments(rows=ROWS)
    with tempfile.TemporaryDirectory(prefix="sbx-bench-") as folder:
        place = Path(folder)
        policy = people.write(place / "people", asked.rows)
        gate_sides.keep(place / "people", place / "store")
        say(f"{asked.rows} people are written; their raw version is stored")
        rounds = [_round(place, policy) for _ in range(asked.runs)]
    tell(
        {
            "ratio_masking": median([gate["seconds"] / masking["seconds"] for masking, gate in rounds]),
            "gate_s": median([gate["seconds"] for _, gate in rounds]),
            "masking_s": median([masking["seconds"] for masking, _ in rounds]),
            "gate_cpu_s": median([gate["cpu_s"] for _, gate in rounds]),
            "masking_cpu_s": median([masking["cpu_s"] for masking, _ in rounds]),
            "rss_mb": max(gate["rss_mb"] for _, gate in rounds),
            "checks": {
                name: round(statistics.median(gate["checks"][name] for _, gate in rounds), 2)
                for name in rounds[0][1]["checks"]
            },
            "rows": asked.rows,
            "columns": len(people.POLICY.partition("columns:")[2].strip().splitlines()),
            "runs": asked.runs,
            "seed": asked.seed,
        }
    )


def _round(place: Path, policy: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Mask, then judge what was masked."""
    shutil.rmtree(place / "masked", ignore_errors=True)
    masking, gate = (_side(name, place / "store", policy, place / "masked") for name in ("mask", "gate"))
    say(f"masked in {masking['seconds']:.2f} s, judged in {gate['seconds']:.2f} s with {gate['rss_mb']:.0f} MB")
    return masking, gate


def _side(name: str, *places: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.gate_sides", name, *map(str, places)]
    told: dict[str, Any] = json.loads(timed(command, QUIET)[1])
    return told


if __name__ == "__main__":
    main()
