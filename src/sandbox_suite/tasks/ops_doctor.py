"""ops.doctor: what this machine has and lacks, as a table or as JSON."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from sandbox_suite.core.settings import settings
from sandbox_suite.tasks import output

if TYPE_CHECKING:
    from sandbox_suite.toolchain import Prerequisite

SCHEMA = "sandbox-suite/doctor/1"
NOT_READY = 5


def doctor(json: bool) -> int:
    """Print each prerequisite and return the exit code: 0 where all are there."""
    from sandbox_suite import toolchain

    found = toolchain.look(settings())
    ready = all(item.found for item in found)
    if json:
        output.facts({"schema": SCHEMA, "ready": ready, "prerequisites": [asdict(item) for item in found]})
    else:
        output.lines(line for item in found for line in _rows(item))
    return 0 if ready else NOT_READY


def _rows(item: "Prerequisite") -> list[str]:
    row = f"{item.name:<14}  {'found' if item.found else 'missing':<7}  {item.version:<15}  {item.where}".rstrip()
    return [row, f"{'':<14}  hint: {item.remedy}"] if item.remedy else [row]
