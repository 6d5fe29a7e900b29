"""How a suite's script ended: what the runner wrote of it (`<suite>.end`), or its bare exit code (`<suite>.rc`)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sandbox_suite.regression.formats.attempts import text

TIMED_OUT = 124  # what timeout(1) ends with
NOT_FOUND = 127
MAX_FILE = 64 << 10
SIGNALS = {4: "illegal instruction", 6: "aborted", 7: "bus error", 8: "arithmetic error", 9: "killed",
           11: "segmentation fault", 15: "terminated", 24: "CPU time", 25: "file too large"}  # fmt: skip


@dataclass(frozen=True)
class Ending:
    """How a script ended. `how` is one of exited, signalled, timed-out, flooded, not-started, not-begun, lost."""

    how: str
    code: int = 0  # exit code, or the number of the signal
    seconds: float = 0.0
    printed: int = 0  # bytes
    kept: int = 0  # bytes of them in the log
    left_behind: int = 0  # processes that were ended after the script
    names: tuple[str, ...] = ()  # of some of them
    unended: int = 0  # processes that could not be ended
    left_out: tuple[str, ...] = ()  # result files that were not kept, each with the reason


def read(folder: Path, suite: str) -> Ending | None:
    """Return how a suite's script ended; None where nothing that can be read tells it."""
    told = _told(folder / f"{suite}.end")
    if told is not None:
        return told
    code = exit_code(folder / f"{suite}.rc")
    if code is None:
        return None
    if code == TIMED_OUT:
        return Ending("timed-out", code)
    return Ending("signalled", code - 128) if 128 < code < 193 else Ending("exited", code)


def exit_code(path: Path) -> int | None:
    """Return the exit code in an `.rc` file; None where there is none that can be read."""
    try:
        with path.open(errors="replace") as file:
            return int(file.read(20))
    except (OSError, ValueError):
        return None


def troubles(ending: Ending | None, explained: bool, log: Sequence[str]) -> list[str]:
    """Say what is wrong with an ending; `explained`: a case that did not pass explains exit code 1."""
    if ending is None:
        return ["the script has no exit code: it never ended, or was killed with the runner"]
    wrong = list(filter(None, [_how(ending, explained, log)]))
    if ending.unended:
        wrong.append(f"{ending.unended} processes of the script could not be ended")
    return wrong + [f"could not be kept: {text(name, 200)}" for name in ending.left_out]


def notes(ending: Ending | None) -> list[str]:
    """Say what is worth knowing of an ending, and no error."""
    if ending is None:
        return []
    said = []
    if ending.left_behind:
        named = f": {', '.join(ending.names)}" if ending.names else ""
        said.append(f"{ending.left_behind} processes that the script left behind were ended{named}")
    if ending.printed > ending.kept:
        said.append(f"the output was cut: {_size(ending.kept)} of {_size(ending.printed)} are in the log")
    return said


def _how(ending: Ending, explained: bool, log: Sequence[str]) -> str:
    if ending.how == "timed-out":
        after = f" of {ending.seconds:.0f} s" if ending.seconds >= 1 else ""
        return f"the script was ended at its timeout{after}: it timed out"
    if ending.how == "not-begun":
        return "the script never began: the time for all suites was over, which counts as timed out"
    if ending.how == "flooded":
        return f"the script was ended: it printed {_size(ending.printed)}"
    if ending.how == "signalled":
        words = SIGNALS.get(ending.code)
        return f"the script was killed by signal {ending.code}{f' ({words})' if words else ''}{_last(log)}"
    if ending.how == "not-started":
        return f"the script could not be started{_last(log)}"
    if ending.how != "exited":
        return "what watched over the script was killed: how it ended is not known"
    if ending.code == 0 or (ending.code == 1 and explained):
        return ""
    return f"the script ended with exit code {ending.code}, which no failed case explains{_last(log)}"


def _last(log: Sequence[str]) -> str:
    words = next((line for line in reversed(log) if line.strip()), "")
    return f"; its last words: {words}" if words else ""


def _size(number: int) -> str:
    return f"{number / (1 << 20):.1f} MiB" if number >= 1 << 20 else f"{number} bytes"


def _told(path: Path) -> Ending | None:
    try:
        with path.open("rb") as file:
            said = json.loads(file.read(MAX_FILE))
        return _ending(said) if isinstance(said, Mapping) and said.get("how") else None
    except (OSError, ValueError, TypeError, OverflowError, RecursionError):
        return None


def _ending(said: Mapping[str, Any]) -> Ending:
    """Return the ending a file tells, each field held to its kind."""
    values: dict[str, Any] = {}
    for item in fields(Ending):
        value = said.get(item.name, item.default)
        if item.name in ("names", "left_out"):
            values[item.name] = tuple(text(word, 200) for word in list(value)[:20])
        elif item.name == "how":
            values["how"] = text(value, 40)
        else:
            values[item.name] = float(value) if item.name == "seconds" else int(value)
    return Ending(**values)
