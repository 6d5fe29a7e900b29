"""What a run tells the CI system that it runs in, beside its usual output; nothing where there is none."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox_suite.core.errors import SandboxError
from sandbox_suite.tasks import output

GITHUB, SUMMARY = "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"


def told(value: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> None:
    """Tell of a run that has ended (`sandbox-suite/run/1`): annotations on stderr, the summary into its file."""
    if environment.get(GITHUB) != "true":
        return
    from sandbox_suite.core.files import read_json
    from sandbox_suite.reports import ci

    report, summary = value["report"].get("json"), value["report"].get("summary")
    if value["error"]:
        output.say(ci.failure(value["error"]))
    if report and Path(report).is_file():
        for line in ci.annotations(read_json(Path(report))):
            output.say(line)
    if summary and environment.get(SUMMARY) and Path(summary).is_file():
        _append(Path(environment[SUMMARY]), Path(summary).read_bytes())


def failed(error: SandboxError, environment: Mapping[str, str] = os.environ) -> None:
    """Tell of a request that was refused before there was a job, or of what broke while it was followed."""
    if environment.get(GITHUB) == "true":
        from sandbox_suite.reports import ci

        output.say(ci.failure(error.as_dict()))


def _append(file: Path, markdown: bytes) -> None:
    """Add to the step's summary what still fits into it; a summary that cannot be written fails nothing."""
    from sandbox_suite.reports import ci

    try:
        room = ci.SUMMARY_BYTES - (file.stat().st_size if file.exists() else 0)
        if room > len(ci.CUT):
            with file.open("ab") as opened:
                opened.write(ci.summary(markdown, room))
    except OSError as error:
        output.say(f"the summary could not be written into {file}: {error.strerror}")
