"""The journal of events: intent, action, outcome of each step; progress, resume and reconcile read this one."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from sandbox_suite.core.clock import Clock, iso
from sandbox_suite.jobs.database import Database, Run

# kinds: `started` and `ended` of a step (undo steps too: step `undo destroy`), `progress` (one line of what it does),
# `skipped` (finished before), `rerun` (from this step on, earlier outcomes no longer count), `resumed` (they all do),
# `state` (the job moved), `lost` (its machine was lost, with whatever it had made there: nothing of it counts any more)
POLL_SECONDS = 0.03


@dataclass(frozen=True)
class Event:
    """One line of the journal. `seconds` is a step's time, else 0; `outcome` is ok, failed, cancelled or empty."""

    seq: int
    job: str
    time: str
    kind: str
    step: str = ""
    attempt: int = 0
    outcome: str = ""
    seconds: float = 0.0
    message: str = ""


class Journal:
    """Writes the events of one job."""

    def __init__(self, database: Database, job: str, clock: Clock) -> None:
        self.database, self.job, self.clock = database, job, clock

    def write(
        self, kind: str, step: str = "", *, attempt: int = 0, outcome: str = "", seconds: float = 0.0, message: str = ""
    ) -> None:
        """Append an event; it is on disk when this returns."""
        event = Event(0, self.job, iso(self.clock()), kind, step, attempt, outcome, seconds, message)
        with self.database.write(self.job) as run:
            insert(run, event)

    def read(self, after: int = 0) -> list[Event]:
        """Return the events after a sequence number."""
        return read(self.database, self.job, after)

    def last_attempt(self, step: str) -> int:
        """Return the number of a step's latest attempt; 0 where it was never begun."""
        return max((event.attempt for event in self.read() if event.step == step), default=0)


def insert(run: Run, event: Event) -> None:
    """Append an event in a transaction that holds its job; the database numbers it."""
    run(
        "INSERT INTO event (job, time, kind, step, attempt, outcome, seconds, message)"
        " VALUES (:job, :time, :kind, :step, :attempt, :outcome, :seconds, :message)",
        **{key: value for key, value in asdict(event).items() if key != "seq"},
    )


def read(database: Database, job: str, after: int = 0) -> list[Event]:
    """Return the events of a job after a sequence number, oldest first."""
    rows = database.read("SELECT * FROM event WHERE job = :job AND seq > :after ORDER BY seq", job=job, after=after)
    return [Event(**row) for row in rows]


def follow(database: Database, job: str, after: int = 0) -> Iterator[list[Event]]:
    """Replay a job's events and go on as they come: yields lists, an empty one at every look that found nothing new."""
    last, seen = after, -1
    while True:
        version = database.changes()
        found = read(database, job, last) if version != seen else []
        seen = version
        last = found[-1].seq if found else last
        yield found
        if not found:
            time.sleep(POLL_SECONDS)
