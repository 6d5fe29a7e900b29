"""Gathers the facts. The rows are read before and after the engine: what moves meanwhile is left for another time."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox_suite import engine
from sandbox_suite.audit import log
from sandbox_suite.core.clock import Clock, iso
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import read_json
from sandbox_suite.core.findings import Finding
from sandbox_suite.core.settings import Settings
from sandbox_suite.engine import inventory
from sandbox_suite.engine.inventory import Item
from sandbox_suite.jobs import attendance, audit, events, journal, ownership, sweeping, table
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.model import Job
from sandbox_suite.jobs.reconcile import golden, rules
from sandbox_suite.jobs.reconcile.model import Difference, JobFacts, StepEnd
from sandbox_suite.reports import manifest

if TYPE_CHECKING:
    import docker

MANY = 1_000_000
ACTIONS = {"step.run": False, "step.undo": True}  # of the audit record of a step's end -> whether it is an undo step's


def look(
    settings: Settings, database: Database, client: "docker.APIClient", clock: Clock, job: str = ""
) -> list[Difference]:
    """Return what differs, of one job or of all of this machine and of its golden databases."""
    before = _rows(database)
    held = sweeping.by_job(inventory.items(client, engine.installation(settings.home)))
    after = _rows(database)
    found = _Looking(settings, database, held, iso(clock()))
    moving = {name for name in after if before.get(name) != after[name]}
    if job and job not in found.names(after):
        raise RequestError(f"`{job}` is no job, and nothing is left of one", remedy="give a job's whole id")
    names = sorted({job} if job else found.names(after) - moving)
    differences = [one for name in names for one in rules.of_job(found.facts(name, after.get(name)), bool(job))]
    return differences if job else [*differences, *rules.of_golden(golden.facts(settings, client, clock))]


def _rows(database: Database) -> dict[str, Job]:
    return {job.id: job for job in table.latest(database, limit=MANY)}


@dataclasses.dataclass(frozen=True)
class _Looking:
    settings: Settings
    database: Database
    held: Mapping[str, Sequence[Item]]
    now: str

    def names(self, rows: Mapping[str, Job]) -> set[str]:
        """Return every job of which anything is here: things, folders, or a row that is this machine's."""
        folders = (self.settings.home / "jobs", self.settings.runtime / "jobs")
        here = {path.name for folder in folders if folder.is_dir() for path in folder.iterdir() if path.is_dir()}
        own = {name for name, row in rows.items() if row.machine in ("", self._machine)}
        return here | {*self.held} | own

    @property
    def _machine(self) -> str:
        return engine.installation(self.settings.home)

    def facts(self, name: str, row: Job | None) -> JobFacts:
        """Return all that is known of one job."""
        folder, held = self.settings.job(name), tuple(self.held.get(name, ()))
        past = events.read(self.database, name) if row else []
        return JobFacts(
            id=name,
            row=row,
            owner=ownership.of(row, held, self._machine, self.now),
            attended=row is None or attendance.look(self.database, self.settings)(row),
            held=held,
            over=self._over(row, held),
            may_exist=journal.sandbox_may_exist(past),
            ended=_ended(past),
            recorded=_recorded(folder / "audit.jsonl"),
            folder=folder.is_dir(),
            stack=(folder / "stack").is_dir(),
            secrets=self.settings.job_runtime(name).is_dir(),
            report=_report(folder),
            verdict=_verdict(folder),
            audit=_chain(folder),
        )

    def _over(self, row: Job | None, held: Sequence[Item]) -> bool:
        lease = row.expires_at if row else ""
        return lease <= self.now if lease else bool(held) and ownership.expired(held, self.now)


def _ended(past: Iterable[events.Event]) -> dict[StepEnd, str]:
    ends = [one for one in past if one.kind == "ended"]
    return {
        StepEnd(one.step.removeprefix("undo "), one.attempt, one.step.startswith("undo ")): one.outcome for one in ends
    }


def _recorded(place: Path) -> frozenset[StepEnd]:
    records = [record for record in log.read(place) if record.action in ACTIONS]
    return frozenset(StepEnd(record.step, record.attempt, ACTIONS[record.action]) for record in records)


def _report(folder: Path) -> tuple[Finding, ...]:
    try:
        return tuple(manifest.check(folder / "report"))
    except RequestError as error:
        return (Finding("error", str(error.explanation.what), manifest.NAME, "report-manifest-broken"),)


def _verdict(folder: Path) -> str:
    try:
        return str(read_json(folder / "report" / "report.json")["verdict"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _chain(folder: Path) -> tuple[Finding, ...]:
    place = audit.path(folder)
    if not folder.is_dir():
        return ()
    if not place.exists():
        return (Finding("error", "the log is not there", place.name, "audit-gone"),)
    return tuple(log.verify(place).problems)
