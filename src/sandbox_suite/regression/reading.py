"""Reading what a suite left: its files of results in any format, also mixed, and its log.

Nothing is trusted or evaluated, and sizes are bounded: a script may print a gigabyte, and a report must not hold it.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from sandbox_suite.regression.formats import json_lines, tap
from sandbox_suite.regression.formats.attempts import MAX_CASES, MAX_TEXT, Attempt, Outcome, Read, showable, text

MAX_FILE = 32 << 20  # bytes of a results file that are read; more than is fetched is never mistaken for all
MAX_TAIL = 64 << 10  # bytes of a log that are looked at


def _junit(content: bytes, file: str, suite: str) -> Read:
    from sandbox_suite.regression.formats import junit  # an XML parser is loaded where there is XML

    return junit.read(content, file, suite)


READERS: dict[str, Callable[[bytes, str, str], Read]] = {
    ".jsonl": json_lines.read,
    ".xml": _junit,
    ".tap": tap.read,
}
FURTHER = re.compile(r"(.+)\.f\d{1,4}")  # stem of one of several result files of a suite, as the runner numbers them


def attempts(folder: Path, suite: str) -> tuple[list[Attempt], list[str]]:
    """Return (attempts, troubles) of a suite, from all its files, in the order of their names."""
    whole = Read()
    for path in sorted(files(folder, suite)):
        content, troubles = _bytes(path)
        said = READERS[path.suffix](content, path.name, suite)
        whole.attempts += said.attempts
        whole.troubles += troubles + said.troubles
    if len(whole.attempts) > MAX_CASES:
        whole.troubles.append(f"more than {MAX_CASES} results in all: the rest was left out")
    return whole.attempts[:MAX_CASES], whole.troubles


def files(folder: Path, suite: str) -> Iterable[Path]:
    """Return the files of results that a suite left: `<suite>.<ending>`, and `<suite>.f<number>.<ending>`."""
    return [path for path in folder.glob("*") if path.suffix in READERS and owner(path.stem) == suite]


def owner(stem: str) -> str:
    """Return the suite that a file with this stem belongs to."""
    further = FURTHER.fullmatch(stem)
    return further[1] if further else stem


def tail(path: Path, lines: int) -> list[str]:
    """Return the last lines of a log, each cut to a readable length."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - MAX_TAIL))
            said = file.read(MAX_TAIL).decode(errors="replace")
    except OSError:
        return []
    return [line[:500] for line in said.splitlines()[-lines:]]


def _bytes(path: Path) -> tuple[bytes, list[str]]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE + 1)
    except OSError as error:
        return b"", [f"{path.name} cannot be read: {error.strerror}"]
    if len(content) <= MAX_FILE:
        return content, []
    return content[:MAX_FILE], [f"{path.name} is over {MAX_FILE >> 20} MiB: the rest was not read"]


__all__ = ["MAX_CASES", "MAX_TEXT", "Attempt", "Outcome", "attempts", "files", "owner", "showable", "tail", "text"]
