"""The logs of a job's steps: read, followed, exported. Written redacted, and redacted once more when shown."""

import time
from collections.abc import Iterator
from pathlib import Path

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import write_atomic
from sandbox_suite.core.redaction import Redactor
from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs import table
from sandbox_suite.jobs.database import connect
from sandbox_suite.jobs.model import STEPS

FOLLOW_SECONDS = 0.1


def lines(settings: Settings, job: str, step: str = "", follow: bool = False) -> Iterator[str]:
    """Yield `step | line` of the job's logs, in the order of the steps; with `follow`, until the job ends."""
    redact = Redactor()
    offsets: dict[str, int] = {}
    while True:
        ended = not follow or table.ended(table.get(connect(settings), job))
        for name in _steps(step):
            yield from (f"{name:<9} | {redact(line)}" for line in _new(settings.job(job), name, offsets))
        if ended:
            return
        time.sleep(FOLLOW_SECONDS)


def export(settings: Settings, job: str, step: str, file: str) -> int:
    """Write the logs into a file; return how many lines it holds."""
    text = list(lines(settings, job, step))
    try:
        write_atomic(Path(file), "".join(text).encode(), mode=0o600)
    except OSError as error:
        raise RequestError(f"{file} cannot be written: {error.strerror}", remedy="name another file") from error
    return len(text)


def _steps(step: str) -> tuple[str, ...]:
    if step and step not in STEPS:
        raise RequestError(f"unknown step `{step}`", remedy=f"the steps: {', '.join(STEPS)}")
    return (step,) if step else STEPS


def _new(folder: Path, step: str, offsets: dict[str, int]) -> Iterator[str]:
    """Yield the whole lines that came since the last look."""
    path = folder / "logs" / f"{step}.log"
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(offsets.get(step, 0))
        for line in file:
            if not line.endswith(b"\n"):
                break
            offsets[step] = offsets.get(step, 0) + len(line)
            yield line.decode(errors="replace")
