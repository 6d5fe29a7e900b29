"""The job database behind one small interface: `read`, `write`, `changes`, `again`, `close`.

SQLite in the home by default, PostgreSQL by URL for many machines; the statements are the same. Every task opens it, so
nothing heavy is imported here. What `write` wrote is on disk when it returns.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.settings import Settings

PATIENCE_SECONDS = 30.0  # how long a locked database, or one that went away, is waited for
Row = dict[str, Any]


class DatabaseError(InfrastructureError):
    """The database is locked, gone, full or not ours to use; what was being written is not in it."""


class NoRoomError(DatabaseError):
    """The disk of the home is full: what steps leave, or the database writes, has no place. It may have one later."""


class NoLongerOursError(DatabaseError):
    """The job was given to another worker meanwhile: this one may not write to it any more."""


class Run(Protocol):
    """Executes a statement with `:name` parameters and returns its rows."""

    def __call__(self, sql: str, /, **values: Any) -> list[Row]: ...


class Driver(Protocol):
    """What a kind of database has to offer."""

    place: str  # as a person reads it, without secrets
    shared: bool  # whether several machines may use it
    now_sql: str  # seconds since 1970 by the database's own clock

    def read(self, sql: str, values: Mapping[str, Any]) -> list[Row]:
        """Return the rows of a query."""

    def write(self, job: str) -> contextlib.AbstractContextManager[Run]:
        """Begin a transaction that holds the queue, or one job; commit at the end, roll back on an error."""

    def changes(self) -> int:
        """Return a number that moves when something was committed."""

    def is_there(self) -> bool:
        """Whether waiting for it makes sense: False once it was removed or replaced."""

    def close(self) -> None:
        """Hang up."""


@dataclass(frozen=True)
class Fence:
    """A worker's right to a job: it holds while the row says the same machine and claim."""

    job: str
    machine: str
    claim: int

    def check(self, run: Run) -> None:
        """Raise NoLongerOursError where the right has passed to another."""
        sql = "SELECT id FROM job WHERE id = :job AND machine = :machine AND claim = :claim"
        if not run(sql, job=self.job, machine=self.machine, claim=self.claim):
            raise NoLongerOursError(
                f"job `{self.job}` is no longer this worker's", left="what another worker makes of it stays"
            )


class Database:
    """One connection. Not shared between threads: each opens its own with `again`."""

    def __init__(
        self, home: Path, url: str = "", *, fence: Fence | None = None, patience: float = PATIENCE_SECONDS
    ) -> None:
        self.home, self.url, self.fence, self.patience = home, url, fence, patience
        self.driver: Driver = _driver(home, url, patience)

    @property
    def place(self) -> str:
        """Return where the database is, without secrets."""
        return self.driver.place

    @property
    def shared(self) -> bool:
        """Whether workers of several machines may use it."""
        return self.driver.shared

    @contextlib.contextmanager
    def write(self, job: str = "") -> Iterator[Run]:
        """Hold one job, or the whole queue, so that what is read of it inside stays true until the commit."""
        with self.driver.write(job) as run:
            if self.fence:
                self.fence.check(run)
            yield run

    def read(self, sql: str, /, **values: Any) -> list[Row]:
        """Return all rows of a query with `:name` parameters."""
        return self.driver.read(sql, values)

    def changes(self) -> int:
        """Return a number that moves when another connection has committed: cheap enough to ask 20 times a second."""
        return self.driver.changes()

    def is_there(self) -> bool:
        """Whether waiting for a database that does not answer makes sense."""
        return self.driver.is_there()

    def seconds(self) -> float:
        """Return the seconds since 1970 by the database's clock, the one that all machines share."""
        return float(self.read(f"SELECT {self.driver.now_sql} AS now")[0]["now"])

    def identity(self) -> str:
        """Return what tells this database from any other."""
        return str(self.read("SELECT value FROM meta WHERE name = 'identity'")[0]["value"])

    def again(self, fence: Fence | None = None) -> "Database":
        """Open another connection, with the same fence unless another is given."""
        return Database(self.home, self.url, fence=fence or self.fence, patience=self.patience)

    def close(self) -> None:
        """Close the connection."""
        self.driver.close()


def connect(settings: Settings, fence: Fence | None = None) -> Database:
    """Open the database that the settings name."""
    return Database(settings.home, settings.database, fence=fence)


def exists(settings: Settings) -> bool:
    """Whether there may be jobs: looking does not make a database."""
    return bool(settings.database) or (settings.home / "jobs.sqlite").exists()


def _driver(home: Path, url: str, patience: float) -> Driver:
    if not url:
        from sandbox_suite.jobs.database_sqlite import Sqlite

        return Sqlite(home, patience)
    from sandbox_suite.jobs.database_postgres import Postgres

    return Postgres(home, url, patience)
