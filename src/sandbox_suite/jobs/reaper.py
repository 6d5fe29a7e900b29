"""The reaper: kept sandboxes whose lease has ended are destroyed, by their job, so that the journal tells it.

What no job owns at all is `sweeping`'s.
"""

import datetime
from collections.abc import Callable

from sandbox_suite.core.clock import iso
from sandbox_suite.jobs import table
from sandbox_suite.jobs.database import Database


def reap(database: Database, machine: str, now: datetime.datetime, say: Callable[[str], None]) -> list[str]:
    """Have each of this machine's sandboxes destroyed whose lease ended before `now`; return the jobs."""
    expired = [one for one in table.leased(database) if one.machine in ("", machine) and one.expires_at <= iso(now)]
    reaped = [one.id for one in expired if table.destroy_what_is_left(database, one, iso(now), "the lease has ended")]
    for job in reaped:
        say(f"lease of {job} has ended: destroying its sandbox")
    return reaped
