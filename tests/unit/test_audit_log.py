"""The audit log: a chain that many writers extend, that survives kills and tells of every change."""

import datetime
import json
import multiprocessing
import os
import resource
from pathlib import Path

import pytest

from sandbox_suite.audit import log
from sandbox_suite.audit.record import GENESIS, TORN, Draft, Head
from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.redaction import Redactor

MOMENT = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)


def clock() -> datetime.datetime:
    return MOMENT


def draft(action: str = "job.submit", **more: object) -> Draft:
    values = {"job": "j1", "tenant": "acme", "actor": "qa", "target": "sandbox", "outcome": "ok", **more}
    return Draft(action=action, **values)  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "job" / "audit.jsonl"


def filled(path: Path, count: int = 5) -> Path:
    for number in range(count):
        log.append(path, draft(details={"n": number}), clock)
    return path


def ids(path: Path, expected: Head | None = None) -> list[str]:
    return [problem.id for problem in log.verify(path, expected).problems]


def test_records_are_numbered_and_name_the_one_before(path: Path) -> None:
    filled(path, 3)
    records = log.read(path)
    assert [record.number for record in records] == [1, 2, 3]
    assert [record.previous for record in records] == [GENESIS, records[0].digest, records[1].digest]
    assert records[0].time == "2026-01-31T12:00:00.000Z"


def test_an_untouched_log_verifies_and_its_head_is_the_last_digest(path: Path) -> None:
    filled(path)
    found = log.verify(path)
    assert (found.records, found.head, found.problems) == (5, log.read(path)[-1].digest, [])
    assert log.head(path) == Head(5, found.head)


def test_a_log_that_does_not_exist_is_empty_and_intact(path: Path) -> None:
    assert log.head(path) == Head()
    assert log.verify(path).intact
    assert not path.exists()


def test_the_log_is_for_its_owner_only(path: Path) -> None:
    assert filled(path).stat().st_mode & 0o777 == 0o600


def test_a_changed_record_is_found(path: Path) -> None:
    filled(path).write_bytes(path.read_bytes().replace(b'"n":2', b'"n":7'))
    assert ids(path) == ["audit-changed"]


def test_a_removed_record_is_found(path: Path) -> None:
    lines = filled(path).read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2] + lines[3:]))
    assert ids(path) == ["audit-gap"]


def test_swapped_records_are_found(path: Path) -> None:
    first, second, *rest = filled(path).read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([second, first, *rest]))
    assert "audit-gap" in ids(path)


def test_a_record_replaced_with_a_fresh_digest_breaks_the_chain(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    log.append(other, draft(outcome="forged"), clock)
    lines = filled(path).read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([other.read_bytes(), *lines[1:]]))
    assert ids(path) == ["audit-broken"]


def test_a_cut_end_is_found_by_the_head_noted_earlier(path: Path) -> None:
    noted = log.head(filled(path))
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert ids(path) == []
    assert ids(path, noted) == ["audit-cut"]


def test_an_added_line_that_is_no_record_is_found(path: Path) -> None:
    lines = filled(path).read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b'{"number":2}\n', *lines[1:]]))
    assert ids(path) == ["audit-unreadable"]


@pytest.mark.parametrize("cut", [1, 40, 5000])
def test_a_torn_line_stays_in_the_file_and_is_accounted_for(path: Path, cut: int) -> None:
    filled(path, 2)
    log.append(path, draft(details={"long": "x" * 9000}), clock)
    path.write_bytes(torn := path.read_bytes()[: -cut - 1])
    assert ids(path) == ["audit-unreadable"]
    log.append(path, draft("job.resume"), clock)
    assert path.read_bytes().startswith(torn + b"\n")
    assert [record.action for record in log.read(path)] == ["job.submit", "job.submit", TORN, "job.resume"]
    found = log.verify(path)
    assert found.intact
    assert [problem.id for problem in found.problems] == ["audit-torn"]


def test_a_record_cut_just_before_its_newline_counts(path: Path) -> None:
    filled(path, 2).write_bytes(path.read_bytes()[:-1])
    log.append(path, draft("job.resume"), clock)
    assert (log.verify(path).records, log.verify(path).problems) == (3, [])


def test_zeros_left_by_a_power_failure_are_accounted_for(path: Path) -> None:
    filled(path, 1).write_bytes(path.read_bytes() + bytes(300))
    log.append(path, draft(), clock)
    assert log.verify(path).intact


def test_secrets_are_hidden_wherever_they_stand(path: Path) -> None:
    secret, dsn = "k3y" * 5, "postgres://role:" + "pa55" + "@database/db"
    record = log.append(
        path,
        draft(reason=f"because {secret}", details={"deep": [{"text": secret}], "password": "ab" * 3, "dsn": dsn}),
        clock,
        Redactor([secret]),
    )
    assert record.details["password"] == "[redacted]"
    for value in (secret, "pa55", "ab" * 3):
        assert value.encode() not in path.read_bytes()


def test_a_line_is_canonical_json(path: Path) -> None:
    line = filled(path, 1).read_bytes()
    values = json.loads(line)
    assert line == json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _writer(path: Path) -> None:
    filled(path, 25)


def test_many_writers_make_one_chain(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_writer, args=(path,)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert (log.verify(path).records, log.verify(path).problems) == (100, [])


def _full_disk(path: Path, told: "multiprocessing.connection.Connection") -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 50, path.stat().st_size + 50))
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        log.append(path, draft(), clock)
    except InfrastructureError as error:
        told.send(str(error))
    told.close()
    os._exit(0)


def test_a_full_disk_leaves_the_log_as_it_was_and_says_so(path: Path) -> None:
    before = filled(path, 2).read_bytes()
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=_full_disk, args=(path, theirs))
    child.start()
    said = ours.recv()
    child.join()
    assert "could not be written" in said
    assert "the log is as it was" in said
    assert path.read_bytes() == before
