"""An audit log: a file that only grows, one record a line, safe for many writers and for kills.

A line that a kill cut short stays where it is, ended by a newline, and the record after it accounts for it by its
digest: nothing is ever removed from the file.
"""

import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sandbox_suite.audit.record import Draft, Head, Record, account, chained, parsed, sealed, unaccounted
from sandbox_suite.core.clock import Clock, iso
from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.findings import Finding
from sandbox_suite.core.redaction import HIDDEN, Redactor

BLOCK = 8192  # bytes looked at from the end; doubled until the last record is in them
SECRET_KEY = re.compile(r"(?i)(.*_)?(password|passwd|secret|token|api_?key)")


@dataclass(frozen=True)
class Verification:
    """What checking a log found. It is intact when `problems` holds no error; warnings name lines cut by a kill."""

    records: int
    head: str  # digest of the last record
    problems: list[Finding]

    @property
    def intact(self) -> bool:
        """Tell whether every record is there, unchanged."""
        return not any(problem.severity == "error" for problem in self.problems)


def append(path: Path, draft: Draft, clock: Clock, redact: Redactor | None = None) -> Record:
    """Append `draft` to the log at `path` as the next record, on disk when this returns; secrets are hidden first."""
    try:
        with _locked(path) as file:
            last, torn = _tail(file)
            added = _added(torn, _redacted(draft, redact or Redactor()), last, iso(clock()))
            _write(file, (b"" if _ended(file) else b"\n") + b"".join(record.line() for record in added))
            return added[-1]
    except OSError as error:
        raise InfrastructureError(
            f"the audit record of {draft.action} could not be written: {error}",
            left="the log is as it was",
            remedy=f"make room or give access to {path}",
        ) from error


def read(path: Path, offset: int = 0) -> list[Record]:
    """Return the records of a log, from the byte `offset` on; lines that are no records are left out."""
    return [record for _, _, record in _lines(path, offset) if record]


def head(path: Path) -> Head:
    """Return the number and digest of the last record; Head(0, GENESIS) of a log that does not exist yet."""
    if not path.exists():
        return Head()
    file = os.open(path, os.O_RDONLY)
    try:
        return _tail(file)[0]
    finally:
        os.close(file)


def verify(path: Path, expected: Head | None = None) -> Verification:
    """Check the whole chain; with `expected`, a head noted earlier, also that nothing was cut off since."""
    with _unchanging(path):
        lines = list(_lines(path))
    records = [record for _, _, record in lines if record]
    problems = list(unaccounted(((number, data) for number, data, record in lines if not record), records))
    last = Head()
    for record in records:
        problems += chained(record, last)
        last = Head(record.number, record.digest)
    if expected and expected.number and not _holds(records, expected):
        message = f"the noted head, record {expected.number}, is not in the log: its end was cut off or replaced"
        problems.append(Finding("error", message, f"record {expected.number}", "audit-cut"))
    return Verification(len(records), last.digest, problems)


def _holds(records: list[Record], expected: Head) -> bool:
    return any((record.number, record.digest) == (expected.number, expected.digest) for record in records)


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


@contextmanager
def _unchanging(path: Path) -> Iterator[None]:
    """Keep writers away: half of a record that is just being written would look like a broken one."""
    if not path.exists():
        yield
        return
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def _write(file: int, data: bytes) -> None:
    """Write all of `data` to disk, or leave the file as long as it was."""
    before = os.fstat(file).st_size
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
    except OSError:
        os.ftruncate(file, before)
        raise


def _tail(file: int) -> tuple[Head, bytes]:
    """Return the head, and the bytes after the last whole record: what an ended writer left, or nothing."""
    size = os.fstat(file).st_size
    block = BLOCK
    while True:
        start = max(0, size - block)
        data = os.pread(file, size - start, start)
        if found := _last(data, whole=not start):
            return found
        if not start:
            return Head(), data
        block *= 2


def _last(data: bytes, whole: bool) -> tuple[Head, bytes] | None:
    """Return the last record of `data` as a head, and what follows it; unless `whole`, the first line is half."""
    end = len(data)
    while end > 0:
        begin = data.rfind(b"\n", 0, end) + 1
        if (begin or whole) and (record := _record(data[begin:end])):
            return Head(record.number, record.digest), data[end + 1 :]
        end = begin - 1
    return None


def _added(torn: bytes, draft: Draft, last: Head, time: str) -> list[Record]:
    """Return the records to write: the one that accounts for a torn line, if there is one, and the draft's."""
    added: list[Record] = []
    for item in [account(torn, draft), draft] if torn else [draft]:
        added.append(sealed(item, last, time))
        last = Head(added[-1].number, added[-1].digest)
    return added


def _ended(file: int) -> bool:
    size = os.fstat(file).st_size
    return not size or os.pread(file, 1, size - 1) == b"\n"


def _lines(path: Path, offset: int = 0) -> Iterator[tuple[int, bytes, Record | None]]:
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(offset)
        for number, line in enumerate(file, 1):
            yield number, line.removesuffix(b"\n"), _record(line)


def _record(line: bytes) -> Record | None:
    try:
        return parsed(json.loads(line))
    except (ValueError, RecursionError):
        return None


def _redacted(draft: Draft, redact: Redactor) -> Draft:
    return replace(
        draft,
        target=redact(draft.target),
        reason=redact(draft.reason),
        task=redact(draft.task),
        details=_hidden(draft.details, redact),
    )


def _hidden(value: Any, redact: Redactor) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {
            redact(str(key)): HIDDEN
            if isinstance(item, str) and SECRET_KEY.fullmatch(str(key))
            else _hidden(item, redact)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_hidden(item, redact) for item in value]
    return value
