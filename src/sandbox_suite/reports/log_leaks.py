"""Sensitive data in a plugin's logs (S-08): kinds and places, never a value.

What was collected is redacted already: where a log says `[redacted]` it held a known secret, or what has the shape of
one. Personal data in the sandbox is masked, and keeps its shape: who logs a masked address logs a real one later.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox_suite.core.redaction import HIDDEN

LOG_BYTES = 8 << 20  # of each log, from its end
LINE = 20_000  # characters of a line that are looked at
EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}\b")
PHONE = re.compile(r"(?<![\w.+-])\+[1-9][0-9]{0,2}[ ./()-]?(?:[0-9][ ./()-]?){7,12}(?![\w-])")
CARD = re.compile(r"(?<![\w.-])(?:[3-6][0-9]{3}(?:[ -]?[0-9]{4}){2}[ -]?[0-9]{3,4})(?![\w.-])")
IBAN = re.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")


@dataclass(frozen=True)
class Looked:
    """What was looked at, and what was found: kind -> `file:line`."""

    files: int
    lines: int
    found: Mapping[str, tuple[str, ...]]


def look(folder: Path) -> Looked:
    """Look at every log in `folder`."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    files = lines = 0
    for path in sorted(folder.glob("*.log")):
        files += 1
        for number, line in _lines(path):
            lines += 1
            for kind in kinds(line[:LINE]):
                found[kind].append(f"{path.name}:{number}")
    return Looked(files, lines, {kind: tuple(places) for kind, places in found.items()})


def kinds(line: str) -> Iterator[str]:
    """Yield the kinds of sensitive data in a line."""
    if HIDDEN in line:
        yield "a secret"
    if "@" in line and EMAIL.search(line):
        yield "an email address"
    if "+" in line and PHONE.search(line):
        yield "a phone number"
    if any(_luhn(match[0]) for match in CARD.finditer(line)):
        yield "a card number"
    if any(_iban(match[0]) for match in IBAN.finditer(line)):
        yield "an IBAN"


def _luhn(text: str) -> bool:
    digits = [int(char) for char in text if char.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[::-2]) + sum(doubled)) % 10 == 0


def _iban(text: str) -> bool:
    plain = text.replace(" ", "")
    return int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as file:
        skipped = max(0, path.stat().st_size - LOG_BYTES)
        file.seek(skipped)
        for number, line in enumerate(file.read(LOG_BYTES).split(b"\n"), 1):
            if line:
                yield number, line.decode(errors="replace")
