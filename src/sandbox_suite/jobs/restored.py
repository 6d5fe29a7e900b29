"""A database that was put back from an older backup: noticed, told, and nothing run twice for it.

The home notes how far the journal had come. Where the database knows less than that, the files of a job's folder
decide: a job whose steps did more than the journal says is ended, instead of doing all that again.
"""

from pathlib import Path
from typing import Any

from sandbox_suite.core.clock import Clock, iso
from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.files import read_json, write_json
from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs import events, journal, outcome, table
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.events import Journal
from sandbox_suite.jobs.model import STEPS, Job, State

LIVING = (State.QUEUED, State.RUNNING, State.KEPT)


def note(database: Database, home: Path) -> None:
    """Note how far the journal has come."""
    now = {"identity": database.identity(), "events": _high(database)}
    if now != _noted(home):
        write_json(_place(home), now, mode=0o600)


def look(database: Database, home: Path) -> str:
    """Say what is wrong where the database knows less than this home has seen of it; empty where nothing is."""
    noted = _noted(home)
    if noted and noted.get("identity") != database.identity():
        return f"the job database {database.place} is another one than this home had before"
    if noted.get("events", 0) > _high(database):
        return f"the job database {database.place} is an older backup: it knows less than this home has seen of it"
    return ""


def mend(database: Database, settings: Settings, machine: str, clock: Clock) -> list[str]:
    """End the jobs that went on after the backup was made; return lines that say what was found."""
    said = []
    for job in table.in_state(database, *LIVING):
        if job.machine in ("", machine) and (ahead := _ahead(database, settings, job)):
            _end(database, job, ahead, settings.job(job.id), clock)
            said.append(f"job {job.id} had gone on after the backup ({', '.join(ahead)}): it is ended, not run again")
    known = {row["id"] for row in database.read("SELECT id FROM job")}
    folder = settings.home / "jobs"
    unknown = sorted(path.name for path in folder.iterdir() if path.name not in known) if folder.is_dir() else []
    if unknown:
        said.append(f"jobs that are not in it, of which only the folder is left: {', '.join(unknown)}")
    note(database, settings.home)
    return said


def _high(database: Database) -> int:
    return int(database.read("SELECT coalesce(max(seq), 0) AS high FROM event")[0]["high"])


def _noted(home: Path) -> dict[str, Any]:
    try:
        noted: dict[str, Any] = read_json(_place(home))
    except (OSError, ValueError):
        return {}
    return noted


def _ahead(database: Database, settings: Settings, job: Job) -> list[str]:
    """Return the steps that left an outcome of which the journal knows nothing."""
    facts = journal.steps(events.read(database, job.id))
    left = {step: outcome.read(settings.job(job.id), step) for step in STEPS}
    return [step for step, found in left.items() if found and not _known(facts[step], found.attempt)]


def _known(fact: journal.StepFacts, attempt: int) -> bool:
    """Whether the journal has begun this attempt; one whose end it missed is that of a worker that was killed."""
    return fact.attempt >= attempt


def _end(database: Database, job: Job, ahead: list[str], folder: Path, clock: Clock) -> None:
    said = InfrastructureError(
        "the job database was put back from an older backup; the job had gone on after that was made",
        left=f"what {', '.join(ahead)} made is there, and in the job's folder",
        remedy=f"`./invoke sandbox.destroy --job {job.id}` removes it, `sandbox.retry --from-step admit` runs it again",
    )
    trail = Journal(database, job.id, clock)
    if "provision" in ahead:  # so that there is something to destroy, for all who ask the journal
        trail.write("started", "provision", attempt=1, message="known from the job's folder only")
    columns = {"exit_code": 5, "error": said.as_dict(), "cancel": "", "ended_at": iso(clock())}
    with database.write(job.id) as run:
        table.set_columns(run, job.id, {"state": State.FAILED, "expires_at": _lease(folder), **columns})
    trail.write("state", message=State.FAILED)


def _lease(folder: Path) -> str:
    """Return until when a sandbox is left to be looked at; empty where there is none."""
    provision, destroy = (outcome.read(folder, step) for step in ("provision", "destroy"))
    gone = destroy is not None and destroy.outcome == "ok"
    return "" if gone or provision is None else str(provision.made.get("expires_at", ""))


def _place(home: Path) -> Path:
    return home / "database.json"
