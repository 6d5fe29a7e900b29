"""Whether a job's machine has a worker: by the lock on this one, by its signs of life on another."""

from collections.abc import Callable

from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs import service
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.model import Job

SILENT_SECONDS = 10.0


def look(database: Database, settings: Settings) -> Callable[[Job], bool]:
    """Return a function that says whether a job's machine has a living worker."""
    here = service.alive(settings.home)
    if not database.shared:
        return lambda job: here
    from sandbox_suite.jobs import machines

    own, known = machines.own(settings), machines.known(database)

    def attended(job: Job) -> bool:
        other = known.get(job.machine)
        if job.machine == own or other is None:
            return here
        return other.state == "alive" and other.silent < SILENT_SECONDS

    return attended


def is_own(database: Database, settings: Settings, job: Job) -> bool:
    """Whether the job is this machine's to work on."""
    if not database.shared or not job.machine:
        return True
    from sandbox_suite.jobs import machines

    return job.machine == machines.own(settings)
