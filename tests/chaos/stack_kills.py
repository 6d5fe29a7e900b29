"""SIGKILL at a random instant while a real job makes or removes its stack, then resume or destroy: it must end clean.

Everything random comes from the seed and the number of the kill, so one kill can be repeated alone.
"""

import random
import subprocess
import time
from dataclasses import dataclass

from sandbox_suite.jobs import events, service, table
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.model import State
from tests.chaos.striking import Striking
from tests.e2e.conftest import Ended, Invoke

VICTIMS = ("worker", "forkserver", "holder", "step", "pulumi")
PHASES = {"provision": "provision", "destroy": "undo destroy"}  # -> its step's name in the journal


@dataclass(frozen=True)
class Kill:
    """What is done to one job."""

    seed: int
    number: int
    phase: str  # key of PHASES
    victim: str  # of VICTIMS
    instant: float  # 0..1 of the phase's usual time
    then: str  # resume, destroy

    def __str__(self) -> str:
        return (
            f"kill {self.number} of seed {self.seed}: {self.victim} at {self.instant:.0%} of {self.phase}, "
            f"then {self.then}"
        )


def drawn(seed: int, number: int) -> Kill:
    """Return the kill of a number."""
    chance = random.Random(f"{seed} {number}")
    return Kill(
        seed,
        number,
        phase=chance.choice(sorted(PHASES)),
        victim=chance.choice(VICTIMS),
        instant=chance.random(),
        then=chance.choice(("resume", "destroy")),
    )


class Killer(Striking):
    """Kills in one home."""

    def go(self, kill: Kill, seconds: float) -> list[str]:
        """Do it, in a phase that usually takes `seconds`; return what is wrong afterwards."""
        before = self.traces.left()
        job = self.submitted()
        client = self._begun(kill, job)
        time.sleep(kill.instant * seconds)
        killed = self.strike(kill.victim, VICTIMS, job, PHASES[kill.phase])
        wrong = self._recovered(kill, job)
        if client:
            client.communicate()
        return [f"{job}, {killed} killed: {line}" for line in [*wrong, *self.left(before)]]

    def _begun(self, kill: Kill, job: str) -> "subprocess.Popen[str] | None":
        """Bring the job to the beginning of the phase; return the client that asked for it."""
        if kill.phase == "provision":
            self.until(lambda: self.seen(job, "started", "provision"))
            return None
        self.until(lambda: self.seen(job, "ended", "provision"))
        client = self.invoke.start("sandbox.destroy", "--job", job)
        self.until(lambda: self.seen(job, "started", PHASES[kill.phase]))
        return client

    def _recovered(self, kill: Kill, job: str) -> list[str]:
        if kill.then == "destroy":
            ended = self._asked("sandbox.destroy", job)
            return [] if ended.code == 0 else [f"destroy ended with {ended.code}: {ended.err[-1500:]}"]
        ended = self._asked("sandbox.resume", job)
        state = table.get(self.database, job).state
        if state in (State.CANCELLED, State.FAILED):  # it ended on its own account while `resume` looked on
            wrong = self.left({})
            ended = self._asked("sandbox.resume", job)
            return wrong + self._passed(job, ended)
        return self._passed(job, ended)

    def _asked(self, task: str, job: str) -> Ended:
        """Ask, and once more where the worker had not been seen to be dead the first time."""
        ended = self.invoke(task, "--job", job, "--json")
        if not service.alive(self.invoke.home) and table.get(self.database, job).state == State.RUNNING:
            ended = self.invoke(task, "--job", job, "--json")
        return ended

    def _passed(self, job: str, ended: Ended) -> list[str]:
        found = table.get(self.database, job)
        if (found.state, found.verdict) == (State.DONE, "passed"):
            return []  # by this resume, or before it
        return [f"resume ended with {ended.code}, the job is {found.state} {found.verdict}: {ended.err[-1500:]}"]


def usual(invoke: Invoke) -> dict[str, float]:
    """Return how long each phase took in the newest job that ran to its end."""
    database = Database(invoke.home)
    job = table.in_state(database, State.DONE)[-1]
    seconds = {one.step: one.seconds for one in events.read(database, job.id) if one.kind == "ended"}
    return {phase: seconds[phase] for phase in PHASES}
