"""What all that kills real jobs have in common: whom they strike, what they wait for, what may be left."""

import contextlib
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence

from sandbox_suite.jobs import events
from sandbox_suite.jobs.database import Database
from tests.chaos.family import Family
from tests.e2e.conftest import Invoke
from tests.e2e.traces import Traces

THINGS = ("docker", "stacks", "secrets")  # of what `Traces` finds, what may not be left; processes more closely
SECONDS = 120.0
REST_SECONDS = 20.0  # in which what was killed, or orphaned, has to be gone
LOOK = 0.005


class Striking:
    """Strikes in one home."""

    def __init__(self, invoke: Invoke) -> None:
        self.invoke, self.family, self.traces = invoke, Family(invoke.home), Traces(invoke.home)
        self.database = Database(invoke.home)
        self.killed: Counter[str] = Counter()  # whom it really was: a step may end before its victim is there

    def submitted(self) -> str:
        """Submit the smoke plan; return the job."""
        ended = self.invoke("sandbox.run", "--plan", "smoke", "--detach", "--json")
        if ended.code:
            raise RuntimeError(f"a job could not be submitted: {ended.err[-1500:]}")
        return str(json.loads(ended.out)["job"])

    def strike(self, victim: str, others: Sequence[str], job: str, step: str) -> str:
        """Kill the victim, once there is one; where the step ends without, the first of others. Return who it was."""
        while not (found := self.family.of(victim)) and not self.seen(job, "ended", step):
            time.sleep(LOOK)
        who = victim if found else next((kind for kind in others if self.family.of(kind)), "")
        for pid in found or self.family.of(who):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.killed[who or "nobody"] += 1
        return who or "nobody"

    def left(self, before: dict[str, set[str]]) -> list[str]:
        """Return what is left once everything had its time to go."""
        until = time.monotonic() + REST_SECONDS
        while (left := self._now(before)) and time.monotonic() < until:
            time.sleep(0.1)
        return left

    def _now(self, before: dict[str, set[str]]) -> list[str]:
        now = self.traces.left()
        things = [f"left: {kind} {name}" for kind in THINGS for name in now[kind] - before.get(kind, set())]
        return things + [f"left: {one}" for one in self.family.superfluous()]

    def seen(self, job: str, kind: str, step: str) -> bool:
        """Say whether a job's journal has an event of a step."""
        return any((one.kind, one.step) == (kind, step) for one in events.read(self.database, job))

    def until(self, there: Callable[[], bool]) -> None:
        """Wait until something is so."""
        until = time.monotonic() + SECONDS
        while not there():
            if time.monotonic() > until:
                raise TimeoutError("the job does not come to where it is to be killed")
            time.sleep(LOOK)
