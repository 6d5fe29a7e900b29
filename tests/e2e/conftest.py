"""End to end: `./invoke` as a process, against real Docker, Pulumi and Ansible, in a home of this session's own."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox_suite.core.settings import CHECKOUT
from tests.e2e.traces import Traces, temporary

SECONDS = 280


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.out)
        return value


class Invoke:
    """Runs `./invoke` with a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        temporary(home).mkdir(parents=True, exist_ok=True)
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("SANDBOX_")},
            "SANDBOX_HOME": str(home),
            "TMPDIR": str(temporary(home)),
            "SANDBOX_IDLE_SECONDS": "60",
        }

    def __call__(self, *arguments: str, environment: dict[str, str] | None = None, cwd: Path = CHECKOUT) -> Ended:
        done = subprocess.run(
            [CHECKOUT / "invoke", *arguments],
            cwd=cwd,
            env={**self.environment, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a command and return its process."""
        return subprocess.Popen(
            [CHECKOUT / "invoke", *arguments],
            cwd=CHECKOUT,
            env={**self.environment, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def invoke(home: Path) -> Iterator[Invoke]:
    """`./invoke` in this session's home; its worker is stopped at the end."""
    command = Invoke(home)
    yield command
    command("ops.worker", "--stop")
    Traces(home).remove()


@pytest.fixture
def traces(invoke: Invoke) -> Traces:
    """What this installation has left on the machine."""
    return Traces(invoke.home)
