"""Real jobs, ten at once, while jobs, workers, the reaper and what works for them are killed: what is left in the end?

A neighbour's containers stand by: another installation's sandbox, and things without labels, or with half of ours.
Everything random comes from the seed; what meets what depends on the machine.
"""

import contextlib
import datetime
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import docker

from sandbox_suite.core.clock import iso, new_job_id, utc_now
from sandbox_suite.core.errors import SandboxError
from sandbox_suite.core.settings import Settings, load
from sandbox_suite.engine import labels
from sandbox_suite.jobs import control, requests, service, table
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.model import Job, State
from sandbox_suite.toolchain.images import references
from tests.chaos.family import Family
from tests.e2e.conftest import Invoke
from tests.e2e.traces import Traces

VICTIMS = ("worker", "worker", "step", "ansible", "pulumi", "forkserver", "holder", "watch")
FATES = ("plain", "plain", "kept", "cancelled", "destroyed")
TENANTS = ("default", "qa")
THINGS = ("docker", "stacks", "secrets")
AT_ONCE = 10
GRACE_SECONDS = 15.0  # after the last expiry
MOST_SECONDS = 1800.0
LOOK = 0.1


@dataclass
class Found:
    """What a storm left."""

    runs: int
    left: list[str] = field(default_factory=list)
    neighbours_hurt: list[str] = field(default_factory=list)
    without_final_state: list[str] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


@dataclass
class Storm:
    """One storm in one home."""

    invoke: Invoke
    chance: random.Random
    say: Callable[[str], None]
    seconds_between: tuple[float, float] = (4.0, 12.0)  # of two kills
    most_kills: int = 1_000_000
    fates: dict[str, str] = field(default_factory=dict)  # what is to be done to a job that runs, once
    kills: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.settings: Settings = load(Path("/nowhere"), self.invoke.environment)
        self.database = Database(self.invoke.home)
        self.family = Family(self.invoke.home)

    def run(self, runs: int) -> Found:
        """Submit the jobs, ten at once, and kill until all have ended; then look at what is left."""
        start, deadline = time.monotonic(), time.monotonic() + MOST_SECONDS
        waiting, strike_at = list(range(runs)), 0.0
        ours = {name: value for name, value in self.invoke.environment.items() if name.startswith("SANDBOX_")}
        with neighbours() as hurt, mock.patch.dict(os.environ, ours):  # of the workers that are started from here
            while (going := self._going()) or waiting:
                if time.monotonic() > deadline:
                    break
                while waiting and len(going) < AT_ONCE:
                    going.append(self._submit(waiting.pop(0)))
                self._meddle()
                if time.monotonic() > strike_at:
                    self._strike()
                    strike_at = time.monotonic() + self.chance.uniform(*self.seconds_between)
                time.sleep(LOOK)
            left = self._left()
            return Found(
                runs,
                left,
                hurt(),
                [job.id for job in self._jobs() if not table.ended(job) or job.expires_at],
                self.kills,
                Counter(str(job.state) for job in self._jobs()),
                time.monotonic() - start,
            )

    def _jobs(self) -> list[Job]:
        return [job for job in table.latest(self.database, limit=10_000) if job.id in self.fates]

    def _going(self) -> list[str]:
        return [job.id for job in self._jobs() if not table.ended(job)]

    def _submit(self, number: int) -> str:
        fate, tenant = self.chance.choice(FATES), TENANTS[number % len(TENANTS)]
        asked = requests.make(self.settings, "smoke", tenant=tenant, keep=fate == "kept", environment={})
        job = new_job_id(utc_now())
        self.fates[job] = fate
        with contextlib.suppress(
            SandboxError
        ):  # the worker was killed while it was waited for: the job is in the queue
            control.submit(self.settings, asked, job, utc_now)
        return job

    def _meddle(self) -> None:
        """Do what is to be done to jobs that run: cancel, destroy. Nobody lives for long without a worker here."""
        for job in self._jobs():
            fate = self.fates[job.id]
            if job.state == State.RUNNING and fate in ("cancelled", "destroyed") and self.chance.random() < LOOK / 4:
                self.fates[job.id] = "plain"
                with contextlib.suppress(SandboxError):
                    control.end(self.settings, job, "cancel" if fate == "cancelled" else "destroy", "chaos", utc_now)
        if not service.alive(self.settings.home) and self.chance.random() < LOOK / 2:  # as the next command would
            with contextlib.suppress(SandboxError):
                service.ensure(self.settings)

    def _strike(self) -> None:
        victim = self.chance.choice(VICTIMS)
        found = self.family.of(victim)
        if found and sum(self.kills.values()) < self.most_kills:
            pid = self.chance.choice(found)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.kills[victim] += 1
                self.say(f"{sum(self.kills.values())}: {victim} killed; {len(self._going())} jobs going")

    def _left(self) -> list[str]:
        """Return what is left 15 s after the last lease has ended. Nobody starts a worker any more, where one died."""
        while leases := [job.expires_at for job in self._jobs() if job.expires_at and job.expires_at > iso(utc_now())]:
            self.say(f"{len(leases)} leases until {max(leases)}")
            time.sleep(1)
        until = time.monotonic() + GRACE_SECONDS
        while (left := self._now()) and time.monotonic() < until:
            time.sleep(LOOK)
        return left

    def _now(self) -> list[str]:
        now = Traces(self.invoke.home).left()
        return [f"{kind} {name}" for kind in THINGS for name in now[kind]] + self.family.superfluous()


@contextlib.contextmanager
def neighbours() -> Iterator[Callable[[], list[str]]]:
    """Put a neighbour's containers there; yields a function that tells which were touched since."""
    client = docker.APIClient(version="auto")
    past = iso(utc_now() - datetime.timedelta(hours=1))
    worn: tuple[dict[str, str], ...] = (
        labels.labels("0" * 12, "j0", "qa", past, "database"),
        {labels.JOB: "j0", labels.EXPIRES_AT: past},
        {},
    )
    made = [client.create_container(references()["database"], ["sleep", "86400"], labels=one)["Id"] for one in worn]
    try:
        for one in made:
            client.start(one)
        before = {one: _state(client, one) for one in made}
        yield lambda: [one for one in made if _state(client, one) != before[one]]
    finally:
        for one in made:
            with contextlib.suppress(docker.errors.NotFound):
                client.remove_container(one, force=True)
        client.close()


def _state(client: Any, container: str) -> Any:
    try:
        found = client.inspect_container(container)
    except docker.errors.NotFound:
        return None
    return found["State"], found["NetworkSettings"]["Networks"].keys()
