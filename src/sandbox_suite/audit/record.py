"""An audit record and its place in the chain: pure, no clock, disk or process.

Each record holds the digest of the one before it, and its own digest is made over all its other fields: who changes,
drops or moves a record changes every digest that follows.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import canonical, digest
from sandbox_suite.core.findings import Finding

GENESIS = "sha256:" + "0" * 64  # what the first record names as its previous
TORN = "audit.torn"  # action of the record that accounts for a line cut short by a kill or a power failure


@dataclass(frozen=True)
class Draft:
    """What happened, before it has a number, a time and a place in the chain. Empty text means: does not apply."""

    job: str
    tenant: str
    actor: str  # who acted: a login name, or `system`
    action: str  # what was done: `noun.verb`, as in `job.submit` or `converge.task`
    target: str  # what it was done to
    outcome: str  # Ansible's words for tasks, ours for steps
    reason: str = ""  # why, in the words of who asked
    step: str = ""
    attempt: int = 0  # of the step, from 1; 0 outside any step
    task: str = ""  # name of the Ansible task
    host: str = ""  # Ansible's name of the part
    details: dict[str, Any] = field(default_factory=dict)  # JSON values; redacted when appended


@dataclass(frozen=True)
class Record:
    """One line of an audit log. `time` is ISO 8601 in UTC; the other fields are the draft's."""

    number: int  # from 1, without gaps
    time: str
    job: str
    tenant: str
    actor: str
    action: str
    target: str
    outcome: str
    reason: str
    step: str
    attempt: int
    task: str
    host: str
    details: dict[str, Any]
    previous: str  # digest of the record before this one
    digest: str  # over every other field

    def line(self) -> bytes:
        """Return the record as its line, newline included."""
        return canonical(asdict(self)) + b"\n"


@dataclass(frozen=True)
class Head:
    """The end of a chain: how many records there are, and the digest of the last."""

    number: int = 0
    digest: str = GENESIS

    def __str__(self) -> str:
        return f"{self.number}:{self.digest}"


def noted(text: str) -> Head:
    """Return the head that `NUMBER:DIGEST` names."""
    number, _, value = text.partition(":")
    if not number.isdigit() or not value:
        raise RequestError(f"`{text}` is no head", remedy="give it as `audit.verify` printed it: NUMBER:DIGEST")
    return Head(int(number), value)


NAMES = frozenset(item.name for item in fields(Record))


def sealed(draft: Draft, head: Head, time: str) -> Record:
    """Return `draft` as the record that follows `head`."""
    body = {**asdict(draft), "number": head.number + 1, "time": time, "previous": head.digest}
    return Record(**body, digest=digest(canonical(body)))


def parsed(values: Any) -> Record | None:
    """Return the record that a line's JSON holds; None where it is not one."""
    if not isinstance(values, dict) or values.keys() != NAMES:
        return None
    sound = isinstance(values["number"], int) and isinstance(values["details"], dict)
    return Record(**values) if sound else None


def account(torn: bytes, draft: Draft) -> Draft:
    """Return the record that accounts for `torn`, what an ended writer left behind; it is found before `draft`."""
    lines = torn.removesuffix(b"\n").split(b"\n")
    return Draft(
        job=draft.job,
        tenant=draft.tenant,
        actor="system",
        action=TORN,
        target="audit log",
        outcome="kept",
        reason="an earlier writer was ended while it wrote",
        details={"bytes": len(torn), "digests": [digest(line) for line in lines]},
    )


def chained(record: Record, head: Head) -> Iterator[Finding]:
    """Yield what is wrong with `record` as the one that follows `head`."""
    place = f"record {record.number}"
    body = asdict(record)
    if body.pop("digest") != digest(canonical(body)):
        yield Finding("error", "its digest does not match its content: it was changed", place, "audit-changed")
    if record.number != head.number + 1:
        yield Finding("error", f"follows record {head.number}: records are missing", place, "audit-gap")
    elif record.previous != head.digest:
        yield Finding("error", "does not name the record before it: the chain is broken", place, "audit-broken")
    if record.action == TORN:
        lost = record.details.get("bytes")
        yield Finding("warning", f"a line of {lost} bytes was cut short before this record", place, "audit-torn")


def unaccounted(torn: Iterable[tuple[int, bytes]], records: Iterable[Record]) -> Iterator[Finding]:
    """Yield the unreadable lines, given as (line number, bytes), that no record accounts for."""
    known = {item for record in records if record.action == TORN for item in record.details.get("digests", ())}
    for line, data in torn:
        if digest(data) not in known:
            yield Finding("error", "is not a record, and none accounts for it", f"line {line}", "audit-unreadable")
