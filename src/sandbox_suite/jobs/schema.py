"""The tables of the job database and how older ones become today's. The same statements serve both drivers.

`{serial}` and `{real}` are the driver's words. A version is never changed once it was released: a new one is added.
"""

from collections.abc import Callable, Iterator

from sandbox_suite.jobs.database import DatabaseError

VERSION = 2
FIRST = (
    """CREATE TABLE IF NOT EXISTS job (
  seq {serial}, id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, plan TEXT NOT NULL,
  request TEXT NOT NULL, state TEXT NOT NULL, machine TEXT NOT NULL DEFAULT '', cancel TEXT NOT NULL DEFAULT '',
  created_at TEXT NOT NULL, admitted_at TEXT NOT NULL DEFAULT '', ended_at TEXT NOT NULL DEFAULT '',
  expires_at TEXT NOT NULL DEFAULT '', verdict TEXT NOT NULL DEFAULT '', exit_code INTEGER, error TEXT)""",
    "CREATE INDEX IF NOT EXISTS job_state ON job (state, tenant, seq)",
    """CREATE TABLE IF NOT EXISTS event (
  seq {serial}, job TEXT NOT NULL, time TEXT NOT NULL, kind TEXT NOT NULL, step TEXT NOT NULL,
  attempt INTEGER NOT NULL, outcome TEXT NOT NULL, seconds {real} NOT NULL, message TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS event_job ON event (job, seq)",
)
SECOND = (
    "ALTER TABLE job ADD COLUMN priority INTEGER NOT NULL DEFAULT 0",  # 1: urgent
    "ALTER TABLE job ADD COLUMN turn INTEGER NOT NULL DEFAULT 0",  # order in the queue: given when it enters it
    "ALTER TABLE job ADD COLUMN claim INTEGER NOT NULL DEFAULT 0",  # grows with each admission; fences older holders
    "ALTER TABLE job ADD COLUMN pinned TEXT NOT NULL DEFAULT ''",  # the one machine that may run it; empty: any
    "ALTER TABLE job ADD COLUMN wait_until TEXT NOT NULL DEFAULT ''",  # it gives up waiting then; empty: never
    "ALTER TABLE job ADD COLUMN cpus {real} NOT NULL DEFAULT 0",  # what it was admitted with
    "ALTER TABLE job ADD COLUMN memory_mb INTEGER NOT NULL DEFAULT 0",
    "UPDATE job SET turn = seq",
    "CREATE INDEX IF NOT EXISTS job_turn ON job (state, tenant, priority, turn)",
    "CREATE INDEX IF NOT EXISTS job_admitted ON job (admitted_at)",
    """CREATE TABLE tenant (
  name TEXT PRIMARY KEY, served {real} NOT NULL)""",  # admissions by weight; '' is the queue's own place
    """CREATE TABLE machine (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL, capacity INTEGER NOT NULL, seen {real} NOT NULL)""",
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
)
STEPS: dict[int, tuple[str, ...]] = {1: FIRST, 2: SECOND}


def statements(version: int, serial: str, real: str) -> Iterator[str]:
    """Return what makes today's tables of those of an older `version` (0: none yet)."""
    for number in range(version + 1, VERSION + 1):
        for statement in STEPS[number]:
            yield statement.replace("{serial}", serial).replace("{real}", real)


def refuse_newer(version: int, place: object, remedy: str) -> None:
    """Raise a DatabaseError where a newer release wrote the database."""
    if version > VERSION:
        raise DatabaseError(
            f"{place} was written by a newer release (format {version}, this one knows {VERSION})",
            left="nothing was changed",
            remedy=remedy,
        )


def upgrade(run: Callable[..., object], version: int, serial: str, real: str, identity: str) -> None:
    """Bring the tables to today's version, in the transaction of `run`."""
    for statement in statements(version, serial, real):
        run(statement)
    if version < 2:  # an identity tells a database from another one, and from its own backup's future
        run("INSERT INTO meta (name, value) VALUES ('identity', :identity)", identity=identity)
