"""When the jobs in the queue will start, told from how long earlier jobs took. Pure: a simulation of the queue."""

import heapq
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sandbox_suite.jobs.fairness import Cost, Head, Turns

UNKNOWN = float("inf")
DAY = 86_400.0


@dataclass(frozen=True)
class Queued:
    """A job that waits, in its tenant's queue."""

    job: str
    plan: str
    head: Head


@dataclass(frozen=True)
class Busy:
    """What ends in `seconds` from now (UNKNOWN: nobody knows): a job at work, or the lease of a kept sandbox."""

    tenant: str
    seconds: float
    cost: Cost
    kept: bool = False


def starts(
    turns: Turns,
    queues: Mapping[str, Sequence[Queued]],
    busy: Iterable[Busy],
    takes: Mapping[str, float],
    midnight: float,
) -> dict[str, float]:
    """Return in how many seconds each job starts; jobs for which that is not known are left out.

    `takes` is the seconds that a job of a plan takes, `midnight` the seconds until a new day begins for quotas. `turns`
    is used up.
    """
    left = {tenant: list(queue) for tenant, queue in queues.items() if queue}
    found: dict[str, float] = {}
    order = itertools.count()
    ends: list[tuple[float, int, Callable[[], None]]] = []

    def at(seconds: float, happens: Callable[[], None]) -> None:
        if seconds < UNKNOWN:
            heapq.heappush(ends, (seconds, next(order), happens))

    for one in busy:
        at(one.seconds, lambda one=one: turns.give(one.tenant, one.cost, kept=one.kept))  # type: ignore[misc]
    for day in range(3):
        at(midnight + day * DAY, turns.new_day)
    now = 0.0
    while left:
        while left and (tenant := turns.next({name: queue[0].head for name, queue in left.items()})):
            job = left[tenant].pop(0)
            turns.take(tenant, job.head)
            found[job.job] = now
            at(now + takes.get(job.plan, UNKNOWN), lambda tenant=tenant: turns.give(tenant, turns.cost))  # type: ignore[misc]
            if not left[tenant]:
                del left[tenant]
        if not ends:
            break
        now, _, happens = heapq.heappop(ends)
        happens()
    return found
