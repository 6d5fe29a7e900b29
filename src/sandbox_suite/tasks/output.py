"""What tasks print: facts on stdout (JSON or a table), everything else on stderr."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from sandbox_suite.core.errors import SandboxError

JSON_HELP = "one JSON document on stdout, everything else on stderr"


def say(line: str) -> None:
    """Tell progress: a line on stderr."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def facts(value: Any) -> None:
    """Print one JSON document on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def error_facts(error: SandboxError) -> dict[str, Any]:
    """Return an error as JSON; a blocked dataset's with its findings and its report."""
    report = getattr(error, "report", None)
    found = [item.as_dict() for item in getattr(error, "findings", ())]
    blocked = {"findings": found, "report": str(report)} if report else {}
    return {"error": error.as_dict(), **blocked}


@contextlib.contextmanager
def errors_as_json(wanted: bool, shown: Callable[[SandboxError], Any] = error_facts) -> Iterator[None]:
    """With `--json`, an error is a document on stdout too; its text and its code take their usual way."""
    try:
        yield
    except SandboxError as error:
        if wanted:
            facts(shown(error))
        raise


def lines(text: Iterable[str]) -> None:
    """Print lines on stdout."""
    for line in text:
        sys.stdout.write(f"{line}\n")


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> None:
    """Print a table on stdout, or the sentence `empty`; plain columns when stdout is no terminal."""
    rows = [tuple(row) for row in rows]
    if not rows:
        lines([empty])
        return
    widths = [max(len(row[column]) for row in [tuple(titles), *rows]) for column in range(len(titles))]
    for row in [tuple(titles), *rows]:
        lines(["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()])
