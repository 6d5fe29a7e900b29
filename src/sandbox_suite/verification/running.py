"""Running the checks of tests/sandbox against one sandbox: pytest in this process, which is a fresh one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.files import write_json
from sandbox_suite.core.redaction import Redactor
from sandbox_suite.core.settings import CHECKOUT, Settings
from sandbox_suite.verification import model
from sandbox_suite.verification.model import Verification

CHECKS = CHECKOUT / "tests" / "sandbox"
RESULT = "verification.json"
RAN = (0, 1)  # pytest's exit codes of a run in which every check got an outcome


def run(job: str, folder: Path, settings: Settings) -> Verification:
    """Check the sandbox of `job`, write verification.json into `folder` and return what was found.

    `folder` holds the job's plan.json and outputs.json. Meant for a process of its own: pytest leaves imports behind.
    """
    import pytest

    from sandbox_suite.verification.collecting import Collector

    collector = Collector(folder, settings)
    arguments = [str(CHECKS), f"--job={job}", "-p", "no:cacheprovider", "--disable-plugin-autoload"]
    with _no_options_of_others():
        code = int(pytest.main(arguments, plugins=[collector]))
    if code not in RAN and not collector.checks:
        raise InfrastructureError(
            f"the checks of job {job} could not be run: pytest ended with {code}",
            left="the sandbox is as it was",
            remedy=f"see the log of step `verify`, or run `pytest {CHECKS.relative_to(CHECKOUT)} --job {job}` by hand",
        )
    found = model.of(collector.redacted(Redactor(_secrets(settings.job_runtime(job) / "secrets"))))
    write_json(folder / RESULT, found.as_dict())
    return found


def _secrets(folder: Path) -> list[str]:
    """Return the secret values of a job, so that no message shows one."""
    return [path.read_text().strip() for path in sorted(folder.glob("*"))] if folder.is_dir() else []


@contextmanager
def _no_options_of_others() -> Iterator[None]:
    """Keep options that somebody set for their own pytest runs away from this one."""
    names = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)
