"""The reaper: kept sandboxes whose lease has ended are destroyed, by their job, so that the journal tells it."""

import datetime
from collections.abc import Callable

from sandbox_suite.core.clock import iso
from sandbox_suite.jobs import table
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.events import Journal
from sandbox_suite.jobs.model import State


def reap(database: Database, now: datetime.datetime, say: Callable[[str], None]) -> list[str]:
    """Ask for the destruction of each kept sandbox whose lease ended before `now`; return the jobs."""
    expired = [job.id for job in table.leased(database) if job.expires_at <= iso(now)]
    for job in expired:
        say(f"lease of {job} has ended: destroying its sandbox")
        table.move(database, job, State.RUNNING, cancel="destroy")
        Journal(database, job, lambda: now).write("state", message="the lease has ended")
    return expired
