"""Mends what is safely mended. Each mend looks again before it acts: a job may have moved on since the look."""

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox_suite import engine
from sandbox_suite.core.clock import Clock, iso
from sandbox_suite.core.errors import SandboxError
from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs import attendance, audit, events, ownerless, service, sweeping, table
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.model import ENDED, Job, State
from sandbox_suite.jobs.reconcile import golden
from sandbox_suite.jobs.reconcile.model import Difference, Mend

if TYPE_CHECKING:
    import docker

DESTROY_SECONDS = 120.0  # in which a worker has destroyed what a job left
LOOK_SECONDS = 0.05
REASON = "reconcile"
ROUNDS = 4


@dataclass(frozen=True)
class Mending:
    """What mending needs, and whom it is done for."""

    settings: Settings
    database: Database
    client: "docker.APIClient"
    clock: Clock
    actor: str

    def one(self, difference: Difference) -> bool:
        """Mend a difference; return whether it is mended."""
        mends: dict[Mend, Callable[[Difference], bool]] = {
            Mend.DESTROY: self._destroy,
            Mend.SWEEP: self._sweep,
            Mend.SECRETS: self._secrets,
            Mend.LEASE: self._lease,
            Mend.RECORD: self._record,
            Mend.BUILDER: self._builder,
            Mend.MARK: self._mark,
        }
        return mends[difference.mend](difference)

    def _destroy(self, difference: Difference) -> bool:
        """Have the job destroy what it left, and wait for that."""
        row = sweeping.known(self.database, difference.job)
        if (
            row is None
            or self._goes_on(row)
            or not table.destroy_what_is_left(self.database, row, iso(self.clock()), REASON)
        ):
            return False
        service.ensure(self.settings)
        until = time.monotonic() + DESTROY_SECONDS
        while not table.ended(table.get(self.database, difference.job)):
            if time.monotonic() > until:
                return False
            time.sleep(LOOK_SECONDS)
        return True

    def _sweep(self, difference: Difference) -> bool:
        job = difference.job
        row = sweeping.known(self.database, job)
        if row and row.machine in ("", engine.installation(self.settings.home)):
            return False
        ownerless.remove(
            self.settings, self.client, job, tenant="", actor=self.actor, reason=difference.message, clock=self.clock
        )
        return True

    def _secrets(self, difference: Difference) -> bool:
        row = sweeping.known(self.database, difference.job)
        if row and row.state not in ENDED:
            return False
        shutil.rmtree(self.settings.job_runtime(difference.job), ignore_errors=True)
        return True

    def _lease(self, difference: Difference) -> bool:
        """Take over the lease of the labels: the one that the reaper of another home, or of no database, goes by."""
        with self.database.write(difference.job) as run:
            leased = "expires_at != '' AND state IN ('kept', 'failed')"
            sql = f"UPDATE job SET expires_at = :lease WHERE id = :job AND {leased} RETURNING id"  # noqa: S608
            return bool(run(sql, lease=difference.target, job=difference.job))

    def _record(self, difference: Difference) -> bool:
        row = self._ended(difference.job)
        told = events.read(self.database, difference.job)
        ends = {f"{one.step}#{one.attempt}": one for one in told if one.kind == "ended"}
        end = ends.get(difference.target)
        if row is None or end is None:
            return False
        step, undo = end.step.removeprefix("undo "), end.step.startswith("undo ")
        audit.record(
            self.settings,
            row.id,
            row.request,
            self.clock,
            action="step.undo" if undo else "step.run",
            target=step,
            outcome=end.outcome,
            step=step,
            attempt=end.attempt,
            details={"noted": f"later, from the journal, by {self.actor}", "ended_at": end.time},
        )
        return True

    def _builder(self, difference: Difference) -> bool:
        import docker

        if not golden.is_abandoned(self.settings, difference.target):
            return False
        try:
            self.client.remove_container(difference.target, force=True)
        except docker.errors.NotFound:
            return True
        return True

    def _mark(self, difference: Difference) -> bool:
        (self.settings.home / "locks" / f"{difference.target}{golden.MARK}").unlink(missing_ok=True)
        return True

    def _goes_on(self, row: Job) -> bool:
        """Whether a job lives, and somebody works on it."""
        if row.state == State.RUNNING:
            return attendance.look(self.database, self.settings)(row)
        return row.state not in ENDED

    def _ended(self, job: str) -> Job | None:
        row = sweeping.known(self.database, job)
        return row if row and row.state in ENDED else None


def mend(
    differences: Iterable[Difference], mending: Mending, say: Callable[[str], None]
) -> tuple[list[Difference], list[Difference]]:
    """Mend what can be; return what was mended, and what was to be and could not."""
    done: list[Difference] = []
    failed: list[Difference] = []
    for difference in (one for one in differences if one.mend):
        try:
            (done if mending.one(difference) else failed).append(difference)
        except SandboxError as error:
            say(str(error))
            failed.append(difference)
    return done, failed


def settle(
    mending: Mending, look: Callable[[], list[Difference]], say: Callable[[str], None]
) -> tuple[list[Difference], list[Difference]]:
    """Look and mend until nothing more comes of it; return what is left, and what was mended.

    A mend can show what it had hidden: a job that destroyed its sandbox has a folder and an audit log again.
    """
    mended: list[Difference] = []
    for _ in range(ROUNDS):
        left = look()
        done, failed = mend(left, mending, say)
        mended += done
        for one in failed:
            say(f"not mended: {one}")
        if not done:
            break
    return look() if done else left, mended
