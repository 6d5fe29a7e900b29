"""The job database: one SQLite file in WAL mode, opened cheaply (the standard library's driver only).

Every task opens it, so nothing heavy is imported here. `synchronous=FULL`: what a step made is on disk before the next
begins.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sandbox_suite.core.errors import InfrastructureError

VERSION = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS job (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, plan TEXT NOT NULL,
  request TEXT NOT NULL, state TEXT NOT NULL, machine TEXT NOT NULL DEFAULT '', cancel TEXT NOT NULL DEFAULT '',
  created_at TEXT NOT NULL, admitted_at TEXT NOT NULL DEFAULT '', ended_at TEXT NOT NULL DEFAULT '',
  expires_at TEXT NOT NULL DEFAULT '', verdict TEXT NOT NULL DEFAULT '', exit_code INTEGER, error TEXT);
CREATE INDEX IF NOT EXISTS job_state ON job (state, tenant, seq);
CREATE TABLE IF NOT EXISTS event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, time TEXT NOT NULL, kind TEXT NOT NULL, step TEXT NOT NULL,
  attempt INTEGER NOT NULL, outcome TEXT NOT NULL, seconds REAL NOT NULL, message TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS event_job ON event (job, seq);
"""


class Database:
    """One connection. Not shared between threads: each opens its own."""

    def __init__(self, home: Path) -> None:
        self.path = home / "jobs.sqlite"
        try:
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise _explain(error, self.path) from error

    def _prepare(self) -> None:
        self.connection.row_factory = sqlite3.Row
        self.connection.execute("PRAGMA synchronous=FULL")
        version = self.connection.execute("PRAGMA user_version").fetchone()[0]
        if version == VERSION:
            return
        if version > VERSION:
            raise InfrastructureError(
                f"{self.path} was written by a newer release (format {version}, this one knows {VERSION})",
                remedy="use that release, or another SANDBOX_HOME",
            )
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.executescript(SCHEMA)
        self.connection.execute(f"PRAGMA user_version={VERSION}")

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock from the start, so that what is read inside stays true until the commit."""
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
            except BaseException:
                self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise _explain(error, self.path) from error

    def read(self, sql: str, **values: object) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        try:
            return self.connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise _explain(error, self.path) from error

    def changes(self) -> int:
        """Return a number that moves when another connection has committed: cheap enough to ask 20 times a second."""
        return int(self.connection.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def _explain(error: Exception, path: Path) -> InfrastructureError:
    if isinstance(error, InfrastructureError):
        return error
    full = "disk is full" in str(error) or "No space left" in str(error)
    remedy = (
        "free space there, then run the command again"
        if full
        else "see whether the folder can be written, or set SANDBOX_HOME"
    )
    return InfrastructureError(
        f"the job database {path} cannot be used: {error}",
        left="the jobs in it are as they were; what was being written is not in it",
        remedy=remedy,
    )
