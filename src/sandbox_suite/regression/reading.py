"""Reading a suite's files: JSON lines, JUnit XML, exit code, log. What they say is never trusted or evaluated.

Sizes are bounded: a script may print a gigabyte, and a report must not hold it.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

MAX_FILE = 64 << 20  # bytes of a results file that are read
MAX_CASES = 20_000  # of one suite
MAX_TEXT = 4_000  # characters kept of a message, request or response
MAX_NAME = 200
MAX_TAIL = 64 << 10  # bytes of a log that are looked at

Outcome = Literal["passed", "failed", "error", "skipped"]
# Control characters, halves of surrogate pairs and marks that turn the direction of text: XML refuses some, readers are
# deceived by others.
UNSHOWABLE = re.compile(
    "[^\t\n\x20-\x7e\xa0-\u200d\u2010-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
OUTCOMES = ("passed", "failed", "error", "skipped")


@dataclass(frozen=True)
class Attempt:
    """One line of results: one attempt at one case."""

    case: str
    outcome: Outcome
    seconds: float = 0.0
    attempt: int = 1
    message: str = ""
    request: str = ""
    response: str = ""
    tags: tuple[str, ...] = ()


def attempts(folder: Path, suite: str) -> tuple[list[Attempt], list[str]]:
    """Return (attempts, troubles) of a suite from its JSON lines, or from its JUnit XML where it has no lines."""
    lines, xml = folder / f"{suite}.jsonl", folder / f"{suite}.xml"
    if lines.exists() or not xml.exists():
        return _json_lines(lines, suite)
    return _junit(xml)


def exit_code(path: Path) -> int | None:
    """Return the exit code in an `.rc` file; None where there is none that can be read."""
    try:
        return int(path.read_text(errors="replace")[:20])
    except (OSError, ValueError):
        return None


def tail(path: Path, lines: int) -> list[str]:
    """Return the last lines of a log, each cut to a readable length."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - MAX_TAIL))
            text = file.read(MAX_TAIL).decode(errors="replace")
    except OSError:
        return []
    return [line[:500] for line in text.splitlines()[-lines:]]


def _json_lines(path: Path, suite: str) -> tuple[list[Attempt], list[str]]:
    found: list[Attempt] = []
    garbage: list[str] = []
    content, troubles = _bytes(path)
    for number, line in enumerate(content.split(b"\n"), 1):
        if len(found) >= MAX_CASES:
            troubles.append(f"more than {MAX_CASES} results: the rest was not read")
            break
        if line.strip():
            attempt = _attempt(line, suite)
            garbage += [f"line {number}: {attempt}"] if isinstance(attempt, str) else []
            found += [attempt] if isinstance(attempt, Attempt) else []
    if garbage:
        troubles.append(f"{len(garbage)} lines of {path.name} are not results; the first: {garbage[0]}")
    return found, troubles


def _bytes(path: Path) -> tuple[bytes, list[str]]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE + 1)
    except OSError:
        return b"", []  # a suite without results is named by whoever asked
    too_long = len(content) > MAX_FILE
    return content[:MAX_FILE], [f"{path.name} is over {MAX_FILE >> 20} MiB: the rest was not read"] if too_long else []


def _attempt(line: bytes, suite: str) -> Attempt | str:
    """Return the attempt in a line, or what is wrong with the line."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return f"not JSON: {line[:60].decode(errors='replace')!r}"
    if not isinstance(said, Mapping):
        return "not a JSON object"
    wrong = _mistake(said, suite)
    return wrong or Attempt(
        text(said["case"], MAX_NAME), cast(Outcome, said["outcome"]), float(said.get("seconds", 0)),
        said.get("attempt", 1), text(said.get("message")), text(said.get("request")), text(said.get("response")),
        tuple(text(tag, 60) for tag in said.get("tags") or ())[:20],
    )  # fmt: skip


def _mistake(said: Mapping[str, Any], suite: str) -> str:
    case, seconds, attempt, tags = said.get("case"), said.get("seconds", 0), said.get("attempt", 1), said.get("tags")
    if not isinstance(case, str) or not case.strip():
        return "`case` must be a name"
    if said.get("suite", suite) != suite:
        return f"`suite` is {said['suite']!r:.80}, in the results of `{suite}`"
    if not isinstance(said.get("outcome"), str) or said["outcome"] not in OUTCOMES:
        return f"`outcome` must be one of {', '.join(OUTCOMES)}"
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
        return "`seconds` must be a number from 0"
    if isinstance(attempt, bool) or not isinstance(attempt, int) or not 1 <= attempt <= 1000:
        return "`attempt` must be a whole number from 1"
    return "" if tags is None or isinstance(tags, list) else "`tags` must be a list"


def text(value: Any, limit: int = MAX_TEXT) -> str:
    """Return what a script said as text of bounded length, without characters that XML or a terminal cannot bear."""
    if value is None:
        return ""
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    cut = said if len(said) <= limit else said[: limit - 1] + "…"
    return showable(cut)


def showable(said: str) -> str:
    """Return text without characters that XML or a terminal cannot bear; lines end with a newline alone."""
    return UNSHOWABLE.sub("�", said.replace("\r\n", "\n"))


def _junit(path: Path) -> tuple[list[Attempt], list[str]]:
    from junitparser import JUnitXml, JUnitXmlError

    content, troubles = _bytes(path)
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        return [], [f"{path.name} declares a document type, which results do not need: not read"]
    try:
        root = JUnitXml.fromstring(content)
    except (JUnitXmlError, SyntaxError, ValueError) as error:
        return [], [*troubles, f"{path.name} is not JUnit XML: {error}"]
    suites = [root] if root._tag == "testsuite" else list(root)
    found = [_junit_case(case) for suite in suites for case in _within(suite)]
    if len(found) > MAX_CASES:
        troubles.append(f"more than {MAX_CASES} results: the rest was not read")
    return found[:MAX_CASES], troubles


def _within(suite: Any) -> Iterator[Any]:
    """Yield the cases of a suite and of the suites inside it."""
    yield from suite
    for inner in suite.testsuites():
        yield from _within(inner)


def _junit_case(case: Any) -> Attempt:
    from junitparser import Error, Failure, Skipped

    kinds: tuple[tuple[Any, Outcome], ...] = ((Error, "error"), (Failure, "failed"), (Skipped, "skipped"))
    for kind, outcome in kinds:
        for result in case.result:
            if isinstance(result, kind):
                said = "\n".join(filter(None, (result.message, (result.text or "").strip())))
                return Attempt(_junit_name(case), outcome, _seconds(case), message=text(said))
    return Attempt(_junit_name(case), "passed", _seconds(case))


def _junit_name(case: Any) -> str:
    return text(".".join(filter(None, (case.classname, case.name))), MAX_NAME) or "(unnamed)"


def _seconds(case: Any) -> float:
    try:
        seconds = float(case.time or 0)
    except (TypeError, ValueError):
        return 0.0
    return seconds if 0 <= seconds < math.inf else 0.0
