"""Rendering a report: all its files in one folder, redacted once for all of them.

report.json, junit.xml, report.html and summary.md always; failure.zip where something failed; manifest.json last.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sandbox_suite.core.files import write_atomic, write_json
from sandbox_suite.core.redaction import Redactor
from sandbox_suite.regression.reading import showable
from sandbox_suite.reports import failure, junit, manifest, markdown, page
from sandbox_suite.reports.model import Report

NAMES = {
    "json": "report.json",
    "junit": "junit.xml",
    "html": "report.html",
    "summary": "summary.md",
    "failure": "failure.zip",
}


def render(
    report: Report,
    folder: Path,
    redact: Callable[[str], str] | None = None,
    job: Path | None = None,
    secrets: Sequence[str] = (),
) -> dict[str, Path]:
    """Write the report into `folder`; return its files: `json`, `junit`, `html`, `summary`, and `failure` where made.

    `failure` is made of the folder of the `job`, where it is given; `secrets` are known ones, in no file of it.
    """
    hide = redact or Redactor()
    content = redacted(report.as_dict(), hide)
    paths = {name: folder / file for name, file in NAMES.items() if name != "failure"}
    write_json(paths["json"], content)
    write_atomic(paths["junit"], junit.xml(content))
    write_atomic(paths["html"], page.html(content).encode())
    write_atomic(paths["summary"], markdown.summary(content).encode())
    archive = folder / NAMES["failure"]
    if job and failure.wanted(content):
        write_atomic(archive, failure.pack(content, job, list(paths.values()), hide, secrets))
        paths["failure"] = archive
    else:
        archive.unlink(missing_ok=True)  # an earlier rendering's
    manifest.write(folder, paths.values(), job=content["job"], audit=content["audit"])
    return paths


def redacted(value: Any, redact: Callable[[str], str]) -> Any:
    """Return `value` with every text in it redacted, and free of characters that XML or a reader cannot bear."""
    if isinstance(value, str):
        return showable(redact(value)) if value else value
    if isinstance(value, dict):
        return {showable(redact(str(key))): redacted(item, redact) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(item, redact) for item in value]
    return value
