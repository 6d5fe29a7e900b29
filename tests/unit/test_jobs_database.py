"""A database that is locked, gone, full, older, newer, or another one: what is said, and that nothing is corrupted."""

import datetime
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox_suite.core.clock import iso
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.settings import Settings, load
from sandbox_suite.jobs import database_url, events, journal, restored, schema, table
from sandbox_suite.jobs.database import Database, DatabaseError, Fence, NoLongerOursError, connect, exists
from sandbox_suite.jobs.events import Journal
from sandbox_suite.jobs.model import Request, State
from sandbox_suite.jobs.outcome import Outcome
from tests.chaos.postgres_server import Server, binaries, server

NOW = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
# As release 0.1.0 wrote it.
FORMER = """
CREATE TABLE job (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, plan TEXT NOT NULL,
  request TEXT NOT NULL, state TEXT NOT NULL, machine TEXT NOT NULL DEFAULT '', cancel TEXT NOT NULL DEFAULT '',
  created_at TEXT NOT NULL, admitted_at TEXT NOT NULL DEFAULT '', ended_at TEXT NOT NULL DEFAULT '',
  expires_at TEXT NOT NULL DEFAULT '', verdict TEXT NOT NULL DEFAULT '', exit_code INTEGER, error TEXT);
CREATE INDEX job_state ON job (state, tenant, seq);
CREATE TABLE event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, time TEXT NOT NULL, kind TEXT NOT NULL, step TEXT NOT NULL,
  attempt INTEGER NOT NULL, outcome TEXT NOT NULL, seconds REAL NOT NULL, message TEXT NOT NULL);
CREATE INDEX event_job ON event (job, seq);
INSERT INTO job (id, tenant, plan, request, state, machine, created_at) VALUES
  ('j1', 'qa', 'smoke', '{"plan": "smoke", "tenant": "qa", "actor": "ann", "plugin": "", "dataset": "",
   "thresholds": [], "keep": false, "reason": "", "environment": {}}', 'running', 'host', '2026-01-01T00:00:00.000Z'),
  ('j2', 'qa', 'smoke', '{"plan": "smoke", "tenant": "qa", "actor": "ann", "plugin": "", "dataset": "",
   "thresholds": [], "keep": false, "reason": "", "environment": {}}', 'queued', '', '2026-01-01T00:00:01.000Z');
INSERT INTO event (job, time, kind, step, attempt, outcome, seconds, message) VALUES
  ('j1', '2026-01-01T00:00:00.000Z', 'ended', 'admit', 1, 'ok', 0.5, '');
PRAGMA user_version=1;
"""


def submit(database: Database, *jobs: str) -> None:
    for job in jobs:
        table.submit(database, job, Request("smoke", "qa", "ann"), iso(NOW))


def refuses(database: Database, *words: str) -> None:
    with pytest.raises(DatabaseError) as refused:
        submit(database, "j9")
    told = str(refused.value)
    assert all(word in told for word in (*words, "hint: ", "left as it was: ")), told


@pytest.fixture
def former(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "jobs.sqlite") as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(FORMER)
    connection.close()
    return tmp_path


def test_what_the_former_release_wrote_is_read_and_goes_on(former: Path) -> None:
    database = Database(former)
    assert [(job.id, job.state, job.turn, job.priority, job.claim) for job in table.latest(database)] == [
        ("j2", State.QUEUED, 2, 0, 0),
        ("j1", State.RUNNING, 1, 0, 0),
    ]
    assert journal.finished(events.read(database, "j1")) == ["admit"]
    submit(database, "j3")
    assert table.get(database, "j3").turn == 3
    assert len(database.identity()) == 16


def test_two_that_open_a_former_database_at_once_bring_it_up_to_date_once(former: Path) -> None:
    import threading

    opened: list[str] = []
    threads = [threading.Thread(target=lambda: opened.append(Database(former).identity())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 8
    assert len(set(opened)) == 1


def test_what_a_newer_release_wrote_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    Database(tmp_path).close()
    with sqlite3.connect(tmp_path / "jobs.sqlite") as connection:
        connection.execute(f"PRAGMA user_version={schema.VERSION + 1}")
    with pytest.raises(DatabaseError, match="newer release"):
        Database(tmp_path)


def test_a_locked_database_is_waited_for_and_then_told(tmp_path: Path) -> None:
    database = Database(tmp_path, patience=0.1)
    other = sqlite3.connect(tmp_path / "jobs.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    refuses(database, "locked", "another program holds it")
    other.execute("ROLLBACK")
    submit(database, "j1")


def test_a_full_disk_is_told_and_what_was_there_stays(tmp_path: Path) -> None:
    database = Database(tmp_path)
    submit(database, "j1")
    driver = database.driver
    pages = driver.read("PRAGMA page_count", {})[0]["page_count"]
    driver.read(f"PRAGMA max_page_count={pages}", {})
    with pytest.raises(DatabaseError, match="full") as refused:
        submit(database, *(f"more{number}" for number in range(1000)))
    assert "free space there" in str(refused.value)
    driver.read(f"PRAGMA max_page_count={pages * 10}", {})
    submit(database, "j2")
    assert {"j1", "j2"} <= {job.id for job in table.latest(Database(tmp_path), limit=2000)}
    assert driver.read("PRAGMA integrity_check", {}) == [{"integrity_check": "ok"}]


def test_a_database_that_was_removed_or_replaced_while_in_use_is_not_written_to(tmp_path: Path) -> None:
    database = Database(tmp_path)
    submit(database, "j1")
    (tmp_path / "jobs.sqlite").rename(tmp_path / "away")
    refuses(database, "removed or replaced")
    assert not database.is_there()
    Database(tmp_path).close()
    refuses(database, "removed or replaced")


def test_a_file_that_is_no_database_is_told_and_left(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").write_bytes(b"rubbish " * 200)
    with pytest.raises(DatabaseError, match="not a database"):
        Database(tmp_path)
    assert (tmp_path / "jobs.sqlite").read_bytes() == b"rubbish " * 200


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(DatabaseError, match="set SANDBOX_HOME"):
        Database(tmp_path / "home")


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    if not binaries():
        pytest.skip("no PostgreSQL on this machine")
    with server() as one:
        yield one


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = request.getfixturevalue("postgres").url if request.param == "postgres" else ""
    one = Database(tmp_path, url)
    for name in ("job", "event", "tenant", "machine"):
        with one.write() as run:
            run(f"DELETE FROM {name}")
    yield one
    one.close()


def test_who_waits_sees_that_another_wrote(database: Database) -> None:
    before = database.changes()
    other = database.again()
    submit(other, "j1")
    deadline = time.monotonic() + 10
    while database.changes() == before:  # a server's notice takes a moment
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_fails_in_the_middle_leaves_nothing(database: Database) -> None:
    def breaks_off() -> None:
        with database.write() as run:
            run("INSERT INTO tenant (name, served) VALUES ('a', 1)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        breaks_off()
    assert database.read("SELECT * FROM tenant") == []
    submit(database, "j1")


def test_a_worker_whose_job_was_given_to_another_may_write_nothing_to_it(database: Database) -> None:
    submit(database, "j1")
    table.move(database, "j1", State.RUNNING, machine="here", claim=1)
    ours = database.again(Fence("j1", "here", 1))
    Journal(ours, "j1", lambda: NOW).write("started", "admit", attempt=1)
    table.update(database, "j1", machine="there", claim=2)
    with pytest.raises(NoLongerOursError, match="no longer this worker's"):
        Journal(ours, "j1", lambda: NOW).write("ended", "admit", attempt=1, outcome="ok")
    with pytest.raises(NoLongerOursError):
        table.move(ours, "j1", State.DONE)
    with pytest.raises(NoLongerOursError):
        table.update(ours.again(), "j1", verdict="passed")
    assert [event.kind for event in events.read(database, "j1")] == ["started"]
    assert table.get(database, "j1").state == State.RUNNING


def test_a_server_that_went_away_and_came_back_is_waited_for(postgres: Server, tmp_path: Path) -> None:
    database = Database(tmp_path, postgres.url, patience=10)
    submit(database, "restart")
    before = database.changes()
    postgres.stop()
    postgres.start()
    assert table.get(database, "restart").id == "restart"
    Journal(database, "restart", lambda: NOW).write("progress")
    assert database.changes() != before


def test_a_server_that_stays_away_is_told_without_secrets(postgres: Server, tmp_path: Path) -> None:
    database = Database(tmp_path, postgres.url, patience=0.3)
    postgres.stop()
    try:
        refuses(database, "cannot be used", "see whether it runs")
        with pytest.raises(DatabaseError):
            Database(tmp_path, postgres.url, patience=0.1)
    finally:
        postgres.start()
    submit(database, "j9")


def test_a_queue_that_another_session_holds_is_waited_for_and_then_told(postgres: Server, tmp_path: Path) -> None:
    database = Database(tmp_path, postgres.url, patience=0.2)
    with database.again().write() as _:
        refuses(database, "lock", "pg_locks")
    submit(database, "held")


def test_a_newer_schema_on_the_server_is_refused(postgres: Server, tmp_path: Path) -> None:
    Database(tmp_path, postgres.url).close()
    postgres.sql("UPDATE sandbox_suite.meta SET value = '99' WHERE name = 'version'")
    try:
        with pytest.raises(DatabaseError, match="newer release"):
            Database(tmp_path, postgres.url)
    finally:
        postgres.sql(f"UPDATE sandbox_suite.meta SET value = '{schema.VERSION}' WHERE name = 'version'")


def test_a_password_is_taken_from_a_secret_and_never_shown(tmp_path: Path) -> None:
    word = "-".join(("s3cret", "word"))
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "jobs-database").write_text(f"{word}\n")
    (tmp_path / "secrets" / "whole").write_text(f"postgresql://ann:{word}@db/jobs")
    place = database_url.resolve("postgresql://ann@db:5433/jobs?password=secret://sandbox/jobs-database", tmp_path)
    assert (word in place.url, place.shown) == (True, "postgresql://db/jobs")
    place = database_url.resolve("secret://sandbox/whole", tmp_path)
    assert (word in place.url, word in place.shown) == (True, False)
    assert database_url.variables("secret://sandbox/jobs-database") == ["SANDBOX_SECRET_JOBS_DATABASE"]
    for wrong in (
        f"postgresql://ann:{word}@db/jobs",
        f"postgresql://ann@db/jobs?password={word}",
        "mysql://db/jobs",
        "x",
    ):
        with pytest.raises(RequestError) as refused:
            database_url.resolve(wrong, tmp_path)
        assert word not in str(refused.value)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(tmp_path / "none.yaml", {"SANDBOX_HOME": str(tmp_path / "home")})


def test_a_database_that_was_put_back_from_a_backup_runs_nothing_twice(settings: Settings, tmp_path: Path) -> None:
    database = connect(settings)
    submit(database, "j1", "j2", "j3")
    for job in ("j1", "j2"):
        table.move(database, job, State.RUNNING, machine="here")
        Journal(database, job, lambda: NOW).write("started", "admit", attempt=1)
        Outcome("ok", 1).write(settings.job(job), "admit")
    backup = tmp_path / "backup"
    with sqlite3.connect(backup) as copy:
        sqlite3.connect(settings.home / "jobs.sqlite").backup(copy)
    Journal(database, "j1", lambda: NOW).write("started", "provision", attempt=1)
    Outcome("ok", 1, made={"expires_at": "2026-01-01T13:00:00.000Z"}).write(settings.job("j1"), "provision")
    submit(database, "j4")
    settings.job("j4").mkdir(parents=True)
    restored.note(database, settings.home)
    assert restored.look(database, settings.home) == ""
    database.close()

    for name in ("jobs.sqlite", "jobs.sqlite-wal", "jobs.sqlite-shm"):
        (settings.home / name).unlink(missing_ok=True)
    shutil.copy(backup, settings.home / "jobs.sqlite")
    database = connect(settings)
    assert "older backup" in restored.look(database, settings.home)
    said = restored.mend(database, settings, "here", lambda: NOW)
    assert [(job.id, job.state) for job in table.latest(database)] == [
        ("j3", State.QUEUED),
        ("j2", State.RUNNING),
        ("j1", State.FAILED),
    ]
    assert any("j1" in line for line in said)
    assert any("j4" in line for line in said)
    assert journal.sandbox_may_exist(events.read(database, "j1"))
    assert table.get(database, "j1").expires_at == "2026-01-01T13:00:00.000Z", (
        "its sandbox is left until its lease ends"
    )
    assert restored.look(database, settings.home) == ""
    with pytest.raises(RequestError, match="older backup"):
        table.get(database, "j4")


def test_another_database_in_the_place_of_the_one_before_is_told(settings: Settings) -> None:
    database = connect(settings)
    submit(database, "j1")
    restored.note(database, settings.home)
    database.close()
    (settings.home / "jobs.sqlite").unlink()
    assert "another one" in restored.look(connect(settings), settings.home)


def test_looking_for_jobs_makes_no_database(settings: Settings) -> None:
    assert not exists(settings)
    assert not settings.home.exists()
