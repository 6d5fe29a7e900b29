"""The outcome of a step, as its process leaves it for the worker: one small JSON file, written atomically."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from sandbox_suite.core.errors import CutError, SandboxError
from sandbox_suite.core.files import read_json, write_json

Word = Literal["ok", "failed", "cancelled", "cut"]  # cut: a program it ran was ended from outside


@dataclass(frozen=True)
class Outcome:
    """What a step came to. `made` is JSON; `error` is what, left, remedy; `exit_code` says of which kind it is."""

    outcome: Word
    attempt: int
    made: dict[str, Any] = field(default_factory=dict)
    error: dict[str, str] | None = None
    exit_code: int = 0
    timing: dict[str, float] = field(default_factory=dict)  # seconds of the step's process, by kind (`core.spans`)

    @classmethod
    def failed(cls, attempt: int, error: SandboxError) -> "Outcome":
        """Return the outcome of a step that raised `error`."""
        word: Word = "cancelled" if error.exit_code == 4 else "cut" if isinstance(error, CutError) else "failed"
        return cls(word, attempt, error=error.as_dict(), exit_code=error.exit_code)

    def write(self, folder: Path, step: str) -> None:
        """Leave the outcome in the job's folder."""
        write_json(place(folder, step), asdict(self))


def place(folder: Path, step: str) -> Path:
    """Return where a step leaves its outcome."""
    return folder / "steps" / f"{step}.json"


def read(folder: Path, step: str, attempt: int = 0) -> Outcome | None:
    """Return what a step left, or None; with `attempt`, only that attempt's."""
    try:
        outcome = Outcome(**read_json(place(folder, step)))
    except (OSError, ValueError, TypeError):
        return None
    return outcome if attempt in (0, outcome.attempt) else None
