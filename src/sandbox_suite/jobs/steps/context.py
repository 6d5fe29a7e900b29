"""What a step is given."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox_suite.core.clock import Clock
from sandbox_suite.core.files import read_json, write_json
from sandbox_suite.core.progress import Say
from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs import outcome
from sandbox_suite.jobs.model import Request


@dataclass(frozen=True)
class Context:
    """One attempt of one step."""

    job: str
    step: str
    attempt: int
    request: Request
    folder: Path
    settings: Settings
    say: Say
    clock: Clock

    @property
    def plan(self) -> dict[str, Any]:
        """Return the resolved plan, as `admit` wrote it and `dataset` completed it."""
        value: dict[str, Any] = read_json(self.folder / "plan.json")
        return value

    def write_plan(self, value: dict[str, Any]) -> None:
        """Write the resolved plan."""
        write_json(self.folder / "plan.json", value, mode=0o600)

    def made(self, step: str) -> dict[str, Any]:
        """Return what an earlier step made; empty where it made nothing."""
        left = outcome.read(self.folder, step)
        return left.made if left else {}
