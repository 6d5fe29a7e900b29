"""SIGKILL at a random instant of a random step of a real job, then `sandbox.resume`: it must end as an unbroken run.

Everything random comes from the seed and the number of the kill, so that one kill can be repeated alone.
"""

import datetime
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox_suite.core.files import canonical, digest, read_json
from sandbox_suite.jobs import events, service, table
from sandbox_suite.jobs.events import Event
from sandbox_suite.jobs.model import STEPS, State
from tests.chaos.striking import Striking
from tests.e2e.conftest import Ended, Invoke

VICTIMS = ("worker", "step", "pulumi", "ansible", "forkserver")
CONVERGING = ("deploy", "load", "regress", "collect")  # the steps that run playbooks
WITH_PULUMI = ("provision", "destroy")


@dataclass(frozen=True)
class Kill:
    """What is done to one job."""

    seed: int
    number: int
    step: str  # of STEPS
    victim: str  # of VICTIMS
    instant: float  # 0..1 of the step's usual time

    def __str__(self) -> str:
        return f"kill {self.number} of seed {self.seed}: {self.victim} at {self.instant:.0%} of {self.step}"


def drawn(seed: int, number: int) -> Kill:
    """Return the kill of a number; Pulumi and Ansible are killed in steps that use them."""
    chance = random.Random(f"{seed} {number}")
    victim = chance.choice(VICTIMS)
    steps = {"pulumi": WITH_PULUMI, "ansible": CONVERGING}.get(victim, STEPS)
    return Kill(seed, number, step=chance.choice(steps), victim=victim, instant=chance.random())


@dataclass
class Result:
    """What one kill came to."""

    job: str
    killed: str  # who it really was: a step may end before its victim is there
    wrong: list[str] = field(default_factory=list)
    same: bool = False  # ended with the verdict and the report of an unbroken run
    steps_twice: int = 0  # finished steps that began again
    first_work_s: float | None = None  # from the command to the first step it began; None where nothing was left to do


class Killer(Striking):
    """Kills in one home, whose newest job ran unbroken."""

    def __init__(self, invoke: Invoke) -> None:
        super().__init__(invoke)
        unbroken = table.in_state(self.database, State.DONE)[-1].id
        self.expected = self.outcome(unbroken)
        self.usual = {one.step: one.seconds for one in events.read(self.database, unbroken) if one.kind == "ended"}

    def go(self, kill: Kill) -> Result:
        """Run a job, kill, resume, and judge."""
        before = self.traces.left()
        job = self.submitted()
        self.until(lambda: self.seen(job, "started", kill.step) or self._ended(job))
        time.sleep(kill.instant * self.usual[kill.step])
        result = Result(job, self.strike(kill.victim, VICTIMS, job, kill.step))
        ended = self._resumed(result)
        now = table.get(self.database, job)
        if (now.state, self.outcome(job)) == (State.DONE, self.expected):
            result.same = True
        else:
            result.wrong.append(
                f"resume ended with {ended.code}, the job is {now.state} {now.verdict}: {ended.err[-2000:]}"
            )
        again = twice(events.read(self.database, job))
        result.steps_twice = len(again)
        result.wrong += [f"{step} had finished and began again" for step in again]
        result.wrong += self.left(before)
        return result

    def outcome(self, job: str) -> str:
        """Return the digest of what a report says, without what differs from run to run; empty where there is none."""
        try:
            report = read_json(self.invoke.home / "jobs" / job / "report" / "report.json")
        except OSError:
            return ""
        return canonical_digest(report)

    def _resumed(self, result: Result) -> Ended:
        """Resume; again where the job ended on its own account meanwhile."""
        if result.killed == "worker":
            self.until(lambda: not service.alive(self.invoke.home))
        unattended = result.killed == "worker" and not self._ended(result.job)
        ended = self._resume(result, unattended)
        if table.get(self.database, result.job).state in (State.FAILED, State.CANCELLED):
            ended = self._resume(result, measured=True)
        return ended

    def _resume(self, result: Result, measured: bool) -> Ended:
        last = max((one.seq for one in events.read(self.database, result.job)), default=0)
        began = time.time()
        ended = self.invoke("sandbox.resume", "--job", result.job, "--json")
        work = [one for one in events.read(self.database, result.job, last) if one.kind == "started"]
        if measured and work:
            result.first_work_s = max(result.first_work_s or 0.0, _seconds(work[0].time) - began)
        return ended

    def _ended(self, job: str) -> bool:
        return table.ended(table.get(self.database, job))


def canonical_digest(report: dict[str, Any]) -> str:
    """Return the digest of cases, outcomes, verdict, dataset and plugin of a report."""
    cases = sorted((case["suite"], case["name"], case["outcome"]) for case in report["cases"])
    said = [report["verdict"], report["dataset"]["digest"], report["plugin"]["digest"], cases]
    return digest(canonical(said))


def twice(past: Iterable[Event]) -> list[str]:
    """Return the finished steps that began again, though nothing had said that they no longer count."""
    finished: set[str] = set()
    again = []
    for one in past:
        if one.kind == "rerun":
            finished -= set(STEPS[STEPS.index(one.step) :])
        elif one.kind == "started" and one.step in finished:
            again.append(one.step)
        elif one.kind == "ended" and one.outcome == "ok":
            finished.add(one.step)
    return again


def _seconds(moment: str) -> float:
    return datetime.datetime.fromisoformat(moment).timestamp()
