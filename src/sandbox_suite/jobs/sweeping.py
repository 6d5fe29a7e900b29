"""Looks at all that the engine holds of this installation, and ends what nobody owns. A process of its own.

The worker has it done every few seconds by a child of the forkserver, so that it need not import what that takes. Only
what carries this installation's label is ever seen; no container is started for it, least of all a privileged one.
"""

import datetime
import itertools
import sys
from collections.abc import Iterator, Sequence
from operator import attrgetter

from sandbox_suite import engine
from sandbox_suite.core.clock import Clock, iso, utc_now
from sandbox_suite.core.errors import RequestError, SandboxError
from sandbox_suite.core.settings import Settings, settings
from sandbox_suite.engine import inventory
from sandbox_suite.engine.inventory import Item
from sandbox_suite.jobs import events, ownerless, ownership, table
from sandbox_suite.jobs.database import Database, connect
from sandbox_suite.jobs.model import Job
from sandbox_suite.jobs.ownership import Owner

ACTOR = "reaper"


def main() -> int:
    """Sweep this home's installation once; return an exit code."""
    configured = settings()
    try:
        for line in sweep(configured, connect(configured), utc_now):
            _say(line)
    except SandboxError as error:  # of the engine or the database: the worker has it tried again
        _say(str(error))
        return error.exit_code
    return 0


def sweep(configured: Settings, database: Database, clock: Clock) -> Iterator[str]:
    """End what nobody owns; yield lines that say so."""
    client, machine = engine.client(timeout=30), engine.installation(configured.home)
    try:
        for job, held in by_job(inventory.items(client, machine)).items():
            found = known(database, job)
            owner = ownership.of(found, held, machine, iso(clock()))
            if owner == Owner.EXPIRED:
                reason = "its lease has ended, and no job accounts for it"
                ownerless.remove(
                    configured, client, job, tenant=held[0].tenant, actor=ACTOR, reason=reason, clock=clock
                )
                yield f"{', '.join(map(str, held))}: {reason}: removed"
            elif found and owner == Owner.NOBODY and _is_time(database, found, clock):
                reason = "the job has ended, and left things behind"
                held = inventory.items(client, machine, job)  # it may have ended since the first look, and left nothing
                if held and table.destroy_what_is_left(database, found, iso(clock()), reason):
                    yield f"{job}: {reason} ({', '.join(map(str, held))}): destroying them"
    finally:
        client.close()


def by_job(items: Sequence[Item]) -> dict[str, list[Item]]:
    """Return the things of each job; what names no job is not a sandbox's."""
    ordered = sorted((item for item in items if item.job), key=attrgetter("job"))
    return {job: list(things) for job, things in itertools.groupby(ordered, key=attrgetter("job"))}


def known(database: Database, job: str) -> Job | None:
    """Return a job by its whole id; None where the database does not know it."""
    try:
        found = table.get(database, job)
    except RequestError:
        return None
    return found if found.id == job else None


def _is_time(database: Database, job: Job, clock: Clock) -> bool:
    pause = datetime.timedelta(seconds=ownership.patience(events.read(database, job.id)))
    return bool(job.ended_at) and job.ended_at <= iso(clock() - pause)


def _say(line: str) -> None:
    sys.stdout.write(f"{iso(utc_now())} {line}\n")
    sys.stdout.flush()
