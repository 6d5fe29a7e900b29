"""Sees that leases end where the worker was killed, and nobody asks for anything that would start another.

The worker has one beside it while there are kept sandboxes. All it does is to start a worker, once a lease is over and
none lives; that one reaps. It ends with the last lease, or with a worker that ended in order.
"""

import contextlib
import datetime
import fcntl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sandbox_suite.core.clock import Clock, iso, utc_now
from sandbox_suite.core.errors import SandboxError
from sandbox_suite.core.settings import CHECKOUT, Settings, settings
from sandbox_suite.jobs import database, service, table
from sandbox_suite.jobs.database import Database

LOOK_SECONDS = 2.0
GRACE = datetime.timedelta(seconds=4)  # in which a worker that lives, or is just being started, reaps by itself


def ensure(configured: Settings) -> "subprocess.Popen[bytes] | None":
    """Start a watch where none lives; return its process."""
    with _alone(configured.home) as none_lives:
        if not none_lives:
            return None
    with service.log_path(configured.home).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "sandbox_suite.jobs.lease_watch"],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=service.environment(configured),
        )


def watch(configured: Settings, pause: Callable[[float], None], clock: Clock) -> None:
    """Watch until there is no lease any more, or a worker has ended in order."""
    with _alone(configured.home) as alone:
        while alone and database.exists(configured):
            with contextlib.suppress(SandboxError):  # of the database, or of a worker that could not start: again later
                connection = database.connect(configured)
                try:
                    if not _goes_on(configured, connection, clock):
                        return
                finally:
                    connection.close()
            pause(LOOK_SECONDS)


def _goes_on(configured: Settings, connection: Database, clock: Clock) -> bool:
    """Look once; return whether there is more to come."""
    alive = service.alive(configured.home)
    leases = [job.expires_at for job in table.leased(connection)]
    if not leases or (not alive and service.ended_in_order(configured.home)):
        return False
    if not alive and min(leases) <= iso(clock() - GRACE):
        service.ensure(configured)
    return True


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[bool]:
    """Hold the watch's lock; yields False where another one lives."""
    with (home / "lease_watch.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


if __name__ == "__main__":
    watch(settings(), time.sleep, utc_now)
