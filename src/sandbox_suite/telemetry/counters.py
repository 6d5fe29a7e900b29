"""Counters that outlive processes: one file in Prometheus' text format, `<home>/metrics/counters.prom`.

A node exporter's textfile collector reads the folder as it is; a page that serves metrics can send the file unchanged.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock

from sandbox_suite.core.files import write_atomic

# What each counter counts; one that is missing here is a mistake of the caller.
HELP = {
    "sandbox_masking_blocked_total": "Dataset versions that the masking gate, or the mask itself, blocked.",
    "sandbox_notice_failed_total": "Data owners who could not be told of a blocked dataset.",
}
LINE = re.compile(r'(?P<name>[a-z_]+)\{(?P<labels>(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\} (?P<value>\d+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\.)*)"')
ESCAPED = {"\\": "\\\\", "\n": "\\n", '"': '\\"'}

Series = tuple[str, tuple[tuple[str, str], ...]]  # name and sorted labels


def place(home: Path) -> Path:
    """Return the file of an installation's counters."""
    return home / "metrics" / "counters.prom"


def add(home: Path, name: str, labels: Mapping[str, str], by: int = 1) -> None:
    """Raise a counter; `by=0` makes its series appear, so that the first rise is seen as one."""
    if name not in HELP:
        raise KeyError(name)
    file = place(home)
    file.parent.mkdir(parents=True, exist_ok=True)
    series: Series = (name, tuple(sorted(labels.items())))
    with FileLock(f"{file}.lock"):
        counted = read(home)
        if by == 0 and series in counted:
            return
        counted[series] = counted.get(series, 0) + by
        write_atomic(file, _text(counted).encode())


def read(home: Path) -> dict[Series, int]:
    """Return every series with its count; lines that are none of ours are passed over."""
    try:
        lines = place(home).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    found = [match for line in lines if (match := LINE.fullmatch(line))]
    return {(match["name"], _labels(match["labels"])): int(match["value"]) for match in found if match["name"] in HELP}


def value(home: Path, name: str, labels: Mapping[str, str]) -> int:
    """Return one series' count; 0 where it never rose."""
    return read(home).get((name, tuple(sorted(labels.items()))), 0)


def _text(counted: Mapping[Series, int]) -> str:
    lines = []
    for name in sorted({series[0] for series in counted}):
        lines += [f"# HELP {name} {HELP[name]}", f"# TYPE {name} counter"]
        lines += [
            f"{name}{{{_spelled(labels)}}} {count}" for (of, labels), count in sorted(counted.items()) if of == name
        ]
    return "\n".join(lines) + "\n"


def _spelled(labels: tuple[tuple[str, str], ...]) -> str:
    return ",".join(f'{key}="{"".join(ESCAPED.get(char, char) for char in text)}"' for key, text in labels)


def _labels(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((key, _unescaped(value)) for key, value in LABEL.findall(text))


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], text)
