"""The job database as one SQLite file in WAL mode: one machine, nothing to install, opened in a millisecond.

`synchronous=FULL`: what a step made is on disk before the next begins.
"""

import contextlib
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sandbox_suite.jobs import schema
from sandbox_suite.jobs.database import DatabaseError, Row, Run

# Threads of one process take turns here instead of in SQLite, which would let the loser sleep.
_TURNS: dict[Path, threading.Lock] = {}
SERIAL = "INTEGER PRIMARY KEY AUTOINCREMENT"
REMEDIES = {
    "disk is full": "free space there, then run the command again",
    "No space left": "free space there, then run the command again",
    "locked": "another program holds it (`fuser` names it): end that, then run the command again",
    "not a database": "put back a backup, or move it away: a new one is made, without the jobs",
    "malformed": "put back a backup, or move it away: a new one is made, without the jobs",
    "readonly": "make it writable for this user, or set SANDBOX_HOME",
}


class Sqlite:
    """One connection to `jobs.sqlite`."""

    shared = False
    now_sql = "(julianday('now') - 2440587.5) * 86400.0"

    def __init__(self, home: Path, patience: float) -> None:
        self.path, self.patience = home / "jobs.sqlite", patience
        self.place = str(self.path)
        self._turn = _TURNS.setdefault(self.path, threading.Lock())
        with self._explained():
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.connection = sqlite3.connect(
                self.path, timeout=patience, isolation_level=None, check_same_thread=False
            )
            self.connection.row_factory = _row
            self.connection.execute("PRAGMA synchronous=FULL")
            self._prepare()
            self._file = self._present()

    def _prepare(self) -> None:
        version = self._version()
        schema.refuse_newer(version, self.path, "use that release, or another SANDBOX_HOME")
        if version < schema.VERSION:
            self.connection.execute("PRAGMA journal_mode=WAL")
            with self._transaction() as run:  # the version again: two may have come at once
                schema.upgrade(run, self._version(), SERIAL, "REAL", secrets.token_hex(8))
                run(f"PRAGMA user_version={schema.VERSION}")

    def _version(self) -> int:
        return int(self.connection.execute("PRAGMA user_version").fetchone()["user_version"])

    @contextlib.contextmanager
    def write(self, job: str) -> Iterator[Run]:
        """Hold the one write lock, whatever is to be written."""
        if not self._turn.acquire(timeout=self.patience):
            raise _explain(sqlite3.OperationalError("database is locked by a thread of this process"), self.path)
        try:
            with self._explained():
                self._same_file()
                with self._transaction() as run:
                    yield run
        finally:
            self._turn.release()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Run]:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._run
            self.connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back already
                self.connection.execute("ROLLBACK")
            raise

    def _run(self, sql: str, /, **values: Any) -> list[Row]:
        return self.connection.execute(sql, values).fetchall()

    def read(self, sql: str, values: Mapping[str, Any]) -> list[Row]:
        """Return the rows of a query."""
        with self._explained():
            return self.connection.execute(sql, values).fetchall()

    def changes(self) -> int:
        """Return SQLite's own count of what others committed."""
        with self._explained():
            self._same_file()
            return int(self.connection.execute("PRAGMA data_version").fetchone()["data_version"])

    def is_there(self) -> bool:
        """Whether the file is still the one that was opened."""
        try:
            return self._present() == self._file
        except OSError:
            return False

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def _present(self) -> tuple[int, int]:
        found = os.stat(self.path)  # noqa: PTH116 - asked 30 times a second
        return found.st_dev, found.st_ino

    def _same_file(self) -> None:
        """Refuse to go on with a file that is not there any more: what is written to it would be lost."""
        if not self.is_there():
            raise DatabaseError(
                f"the job database {self.path} was removed or replaced while it was in use",
                left="nothing more was written to the old one",
                remedy="put it back where it was moved; then `./invoke ops.worker --stop`, and go on",
            )

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise _explain(error, self.path) from error


def _row(cursor: sqlite3.Cursor, values: tuple[Any, ...]) -> Row:
    return {column[0]: value for column, value in zip(cursor.description, values, strict=True)}


def _explain(error: Exception, path: Path) -> DatabaseError:
    remedy = next((remedy for words, remedy in REMEDIES.items() if words in str(error)), "")
    return DatabaseError(
        f"the job database {path} cannot be used: {error}",
        left="the jobs in it are as they were; what was being written is not in it",
        remedy=remedy or "see whether the folder can be written, or set SANDBOX_HOME",
    )
