"""JSON lines: one object for each attempt at a case, as docs/reference/suite-contract.md has it."""

import json
import math
from collections.abc import Mapping
from typing import Any, cast

from sandbox_suite.regression.formats.attempts import MAX_CASES, MAX_TRIES, OUTCOMES, Attempt, Outcome, Read, name, text

MAX_LINES = 200_000  # of one file, empty ones and garbage counted


def read(content: bytes, file: str, suite: str) -> Read:
    """Return what JSON lines say; a line that is no result is told, and the lines around it are kept."""
    said, garbage, first = Read(), 0, ""
    lines = content.split(b"\n", MAX_LINES)
    for number, line in enumerate(lines[:MAX_LINES], 1):
        if said.full:
            said.troubles.append(f"more than {MAX_CASES} results: the rest was not read")
            break
        attempt = _attempt(line, suite) if line.strip() else None
        if isinstance(attempt, Attempt):
            said.attempts.append(attempt)
        elif attempt:
            garbage, first = garbage + 1, first or f"line {number}: {attempt}"
    if len(lines) > MAX_LINES and not said.full:
        said.troubles.append(f"{file} has more than {MAX_LINES} lines: the rest was not read")
    if garbage:
        said.troubles.append(f"{garbage} lines of {file} are not results; the first: {first}")
    return said


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
        name(said["case"]), cast(Outcome, said["outcome"]), float(said.get("seconds", 0)),
        said.get("attempt", 1), text(said.get("message")), text(said.get("request")), text(said.get("response")),
        tuple(text(tag, 60) for tag in said.get("tags") or ())[:20],
    )  # fmt: skip


def _mistake(said: Mapping[str, Any], suite: str) -> str:
    case, attempt, tags = said.get("case"), said.get("attempt", 1), said.get("tags")
    if not isinstance(case, str) or not case.strip():
        return "`case` must be a name"
    if said.get("suite", suite) != suite:
        return f"`suite` is {text(said['suite'], 80)!r}, in the results of `{suite}`"
    if not isinstance(said.get("outcome"), str) or said["outcome"] not in OUTCOMES:
        return f"`outcome` must be one of {', '.join(OUTCOMES)}"
    if not _is_duration(said.get("seconds", 0)):
        return "`seconds` must be a number from 0"
    if isinstance(attempt, bool) or not isinstance(attempt, int) or not 1 <= attempt <= MAX_TRIES:
        return f"`attempt` must be a whole number from 1 to {MAX_TRIES}"
    return "" if tags is None or isinstance(tags, list) else "`tags` must be a list"


def _is_duration(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= 10**9 and not math.isnan(value)
