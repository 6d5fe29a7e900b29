"""Whose what the engine holds is, judged by the job's row and by the labels. Pure.

A living or leased job owns its sandbox. What a job left when it ended belongs to nobody and goes at once, by way of the
job. What no job in the database accounts for may be another database's, opened by mistake: it goes when the expiry on
its own labels has passed, and not before.
"""

from collections.abc import Sequence
from enum import StrEnum

from sandbox_suite.engine.inventory import Item
from sandbox_suite.jobs.events import Event
from sandbox_suite.jobs.journal import ENDS
from sandbox_suite.jobs.model import ENDED, Job

SETTLED_SECONDS = 3  # after its end, whoever waited for the job has seen it
PAUSE_SECONDS, MOST_SECONDS = 10, 600  # between two attempts to remove what the engine does not let go of


class Owner(StrEnum):
    """Who has a right to the things of a job."""

    JOB = "job"  # it lives, or has a lease
    NOBODY = "nobody"  # the job has ended: it can be had to destroy what it left
    UNKNOWN = "unknown"  # no job accounts for it, and the expiry on its labels has not come
    EXPIRED = "expired"  # no job accounts for it, and the expiry on its labels has passed


def of(job: Job | None, held: Sequence[Item], machine: str, now: str) -> Owner:
    """Return who owns what the engine of `machine` holds of one job; `now` is ISO 8601 in UTC."""
    if job is None or job.machine not in ("", machine):
        return Owner.EXPIRED if expired(held, now) else Owner.UNKNOWN
    return Owner.JOB if job.state not in ENDED or job.expires_at else Owner.NOBODY


def expired(held: Sequence[Item], now: str) -> bool:
    """Whether all of it says of itself that its time is over."""
    return all(item.expires_at and item.expires_at <= now for item in held)


def patience(past: Sequence[Event]) -> int:
    """Return the seconds to let pass since the job's end: twice as many after each removal that failed."""
    failed = 0
    for event in past:
        if event.kind == "ended" and event.step in ENDS:
            failed = 0 if event.outcome == "ok" else failed + 1
    return min(PAUSE_SECONDS * 2 ** (failed - 1), MOST_SECONDS) if failed else SETTLED_SECONDS
