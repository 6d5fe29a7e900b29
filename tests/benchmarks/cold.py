"""The cold path: rows from outside to an attested version with its golden database, in a home that holds nothing.

    python -m tests.benchmarks.cold FOLDER POLICY     # FOLDER as tests.benchmarks.people writes it

Prints the seconds of all, from the start of the import, and of each part. What it made goes after it, unmeasured.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sandbox_suite.core.clock import utc_now
from sandbox_suite.datasets import prepare
from sandbox_suite.engine.connection import client as connect
from sandbox_suite.jobs import goldens
from tests.benchmarks import clone, masking_side

# What `prepare` says when a part of it begins.
SAID = {f"{masking_side.REFERENCE}: read and mask": "mask", f"{masking_side.REFERENCE}: gate": "gate"}


class Parts:
    """Remembers when each part began."""

    def __init__(self) -> None:
        self._begun: list[tuple[str, float]] = []

    def begin(self, part: str) -> None:
        """A part begins; the one before it has ended."""
        self._begun.append((part, time.perf_counter()))

    def say(self, line: str) -> None:
        """Listen to progress."""
        if line in SAID:
            self.begin(SAID[line])

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each part; `end` began when all was done."""
        pairs = zip(self._begun, self._begun[1:], strict=False)
        return {part: after - at for (part, at), (_, after) in pairs}


def main() -> None:
    """Measure."""
    source, policy = Path(sys.argv[1]), Path(sys.argv[2])
    parts, client = Parts(), connect(timeout=120)
    with tempfile.TemporaryDirectory(prefix="sbx-bench-") as folder:
        settings = masking_side.home(Path(folder))
        parts.begin("import")
        masking_side.bring(source, settings)
        parts.begin("look")
        attested = prepare.prepare(masking_side.REFERENCE, policy, settings, parts.say, utc_now)
        parts.begin("golden")
        made = goldens.ensure(settings, attested, parts.say)
        parts.begin("end")
        clone.remove(client, made)
    told: dict[str, Any] = {"rows": attested.rows, "seconds": sum(parts.seconds().values()), "parts": parts.seconds()}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
