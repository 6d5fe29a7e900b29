"""SIGKILL at a random instant while a real job makes or removes its stack, then resume or destroy: it must end clean.

Everything random comes from the seed and the number of the kill, so one kill can be repeated alone.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox_suite.jobs import events, service, table
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.model import State
from tests.chaos.family import Family
from tests.e2e.conftest import Ended, Invoke
from tests.e2e.traces import Traces

VICTIMS = ("worker", "forkserver", "holder", "step", "pulumi")
PHASES = {"provision": "provision", "destroy": "undo destroy"}  # -> its step's name in the journal
PHASE_SECONDS = 120.0
THINGS = ("docker", "stacks", "secrets")  # what `Traces` finds and is looked at here; processes more closely
REST_SECONDS = 20.0  # in which what was killed, or orphaned, has to be gone
LOOK = 0.005


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


class Killer:
    """Kills in one home."""

    def __init__(self, invoke: Invoke) -> None:
        self.invoke, self.family, self.traces = invoke, Family(invoke.home), Traces(invoke.home)
        self.database = Database(invoke.home)
        self.killed: Counter[str] = Counter()  # whom it really was: a phase may end before its victim is there

    def go(self, kill: Kill, seconds: float) -> list[str]:
        """Do it, in a phase that usually takes `seconds`; return what is wrong afterwards."""
        before = self.traces.left()
        job = self._json(self.invoke("sandbox.run", "--plan", "smoke", "--detach", "--json"))["job"]
        client = self._begun(kill, job)
        time.sleep(kill.instant * seconds)
        killed = self._strike(kill, job)
        self.killed[killed] += 1
        wrong = self._recovered(kill, job)
        if client:
            client.communicate()
        return [f"{job}, {killed} killed: {line}" for line in [*wrong, *self._left(before)]]

    def _begun(self, kill: Kill, job: str) -> "subprocess.Popen[str] | None":
        """Bring the job to the beginning of the phase; return the client that asked for it."""
        if kill.phase == "provision":
            self._until(lambda: self._seen(job, "started", "provision"))
            return None
        self._until(lambda: self._seen(job, "ended", "provision"))
        client = self.invoke.start("sandbox.destroy", "--job", job)
        self._until(lambda: self._seen(job, "started", PHASES[kill.phase]))
        return client

    def _strike(self, kill: Kill, job: str) -> str:
        """Kill the victim, once there is one; where the phase ends without, whoever is there. Return who it was."""
        while not (found := self.family.of(kill.victim)) and not self._seen(job, "ended", PHASES[kill.phase]):
            time.sleep(LOOK)
        who = kill.victim if found else next((kind for kind in VICTIMS if self.family.of(kind)), "")
        for pid in found or self.family.of(who):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return who or "nobody"

    def _recovered(self, kill: Kill, job: str) -> list[str]:
        if kill.then == "destroy":
            ended = self._asked("sandbox.destroy", job)
            return [] if ended.code == 0 else [f"destroy ended with {ended.code}: {ended.err[-1500:]}"]
        ended = self._asked("sandbox.resume", job)
        state = table.get(self.database, job).state
        if state in (State.CANCELLED, State.FAILED):  # it ended on its own account while `resume` looked on
            wrong = self._left({})
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

    def _left(self, before: dict[str, set[str]]) -> list[str]:
        """Return what is left once everything had its time to go."""
        until = time.monotonic() + REST_SECONDS
        while (left := self._now(before)) and time.monotonic() < until:
            time.sleep(0.1)
        return left

    def _now(self, before: dict[str, set[str]]) -> list[str]:
        now = self.traces.left()
        things = [f"left: {kind} {name}" for kind in THINGS for name in now[kind] - before.get(kind, set())]
        return things + [f"left: {one}" for one in self.family.superfluous()]

    def _seen(self, job: str, kind: str, step: str) -> bool:
        return any((one.kind, one.step) == (kind, step) for one in events.read(self.database, job))

    def _until(self, there: Callable[[], bool]) -> None:
        until = time.monotonic() + PHASE_SECONDS
        while not there():
            if time.monotonic() > until:
                raise TimeoutError("the job does not come to the phase in which it is to be killed")
            time.sleep(LOOK)

    @staticmethod
    def _json(ended: Ended) -> dict[str, Any]:
        if ended.code:
            raise RuntimeError(f"a job could not be submitted: {ended.err[-1500:]}")
        value: dict[str, Any] = json.loads(ended.out)
        return value


def usual(invoke: Invoke) -> dict[str, float]:
    """Return how long each phase took in the newest job that ran to its end."""
    database = Database(invoke.home)
    job = table.in_state(database, State.DONE)[-1]
    seconds = {one.step: one.seconds for one in events.read(database, job.id) if one.kind == "ended"}
    return {phase: seconds[phase] for phase in PHASES}
