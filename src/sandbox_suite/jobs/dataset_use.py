"""What jobs use of the datasets: versions by content, versions that are only asked for, golden images."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sandbox_suite.core.clock import iso
from sandbox_suite.core.files import read_json
from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs import table
from sandbox_suite.jobs.database import Database, connect, exists
from sandbox_suite.jobs.model import Job, State

LIVING = (State.QUEUED, State.RUNNING, State.KEPT)
MANY = 1_000_000


@dataclass(frozen=True)
class Use:
    """What one job uses. Until its dataset step has ended, it only asks for a reference."""

    job: str
    reference: str  # name@version; empty where the plan cannot be read any more
    digest: str  # of the content; empty: not prepared yet
    image: str  # golden image; empty: not made yet
    living: bool  # waits, runs, or has a sandbox

    def as_dict(self) -> dict[str, Any]:
        """Return the use as JSON."""
        return {"job": self.job, "digest": self.digest, "living": self.living}


def of(settings: Settings, since: datetime.datetime) -> list[Use]:
    """Return what living jobs use, and jobs that ended after `since`, which may be run again."""
    if not exists(settings):
        return []
    return [_use(settings, job, living) for job, living in _jobs(connect(settings), iso(since))]


def _jobs(database: Database, since: str) -> Iterator[tuple[Job, bool]]:
    leased = {job.id for job in table.leased(database)}
    for job in table.latest(database, limit=MANY):
        living = job.state in LIVING or job.id in leased
        if living or job.ended_at >= since:
            yield job, living


def _use(settings: Settings, job: Job, living: bool) -> Use:
    plan = _plan(settings, job)
    dataset = plan.get("dataset") or {}
    named = f"{dataset['name']}@{dataset['version']}" if dataset else job.request.dataset or _planned(job)
    return Use(job.id, named, dataset.get("digest", ""), (plan.get("images") or {}).get("database", ""), living)


def _planned(job: Job) -> str:
    """Return the dataset of the plan that a job names; empty where there is no such plan (any more)."""
    from sandbox_suite.core.errors import RequestError
    from sandbox_suite.regression import plans

    try:
        return plans.load().get(job.plan).dataset
    except RequestError:
        return ""


def _plan(settings: Settings, job: Job) -> dict[str, Any]:
    try:
        plan: dict[str, Any] = read_json(settings.job(job.id) / "plan.json")
    except (OSError, ValueError):
        return {}
    return plan
