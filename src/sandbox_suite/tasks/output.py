"""What tasks print: facts on stdout (JSON or a table), everything else on stderr."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any


def say(line: str) -> None:
    """Tell progress: a line on stderr."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def facts(value: Any) -> None:
    """Print one JSON document on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


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
