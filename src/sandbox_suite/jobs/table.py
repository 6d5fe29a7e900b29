"""The job table: the truth for what people ask about (state, place, machine, lease, times)."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from sandbox_suite.core.errors import RequestError
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.model import ENDED, MOVES, Job, Request, State


def submit(database: Database, job: str, request: Request, now: str) -> Job:
    """Put a job into the queue."""
    with database.write() as connection:
        connection.execute(
            "INSERT INTO job (id, tenant, plan, request, state, created_at) VALUES (?, ?, ?, ?, ?, ?)",
            (job, request.tenant, request.plan, json.dumps(request.as_dict()), State.QUEUED, now),
        )
    return get(database, job)


def get(database: Database, job: str) -> Job:
    """Return a job, by its id or an unambiguous beginning of it; RequestError where there is none."""
    rows = database.read("SELECT * FROM job WHERE id = :job OR id LIKE :job || '%' ORDER BY id = :job DESC", job=job)
    if not rows or (rows[0]["id"] != job and len(rows) > 1):
        known = ", ".join(row["id"] for row in database.read("SELECT id FROM job ORDER BY seq DESC LIMIT 5"))
        problem = "names several jobs" if rows else "is no job"
        raise RequestError(
            f"`{job}` {problem}",
            remedy=f"the latest: {known}" if known else "there is no job yet: `./invoke sandbox.run`",
        )
    return _job(rows[0])


def latest(database: Database, limit: int = 100, tenant: str = "") -> list[Job]:
    """Return the newest jobs, newest first."""
    where = "WHERE tenant = :tenant" if tenant else ""
    rows = database.read(f"SELECT * FROM job {where} ORDER BY seq DESC LIMIT :limit", tenant=tenant, limit=limit)  # noqa: S608
    return [_job(row) for row in rows]


def in_state(database: Database, *states: State) -> list[Job]:
    """Return the jobs in one of these states, oldest first."""
    marks = ", ".join(f"'{state}'" for state in states)
    return [_job(row) for row in database.read(f"SELECT * FROM job WHERE state IN ({marks}) ORDER BY seq")]  # noqa: S608


def leased(database: Database) -> list[Job]:
    """Return the ended jobs that still have a sandbox: kept ones, and failed ones that were to be kept."""
    rows = database.read("SELECT * FROM job WHERE state IN ('kept', 'failed') AND expires_at != '' ORDER BY seq")
    return [_job(row) for row in rows]


def move(database: Database, job: str, to: State, **columns: Any) -> Job:
    """Move a job to another state, if the table of moves allows it, and set columns in the same transaction."""
    with database.write() as connection:
        row = connection.execute("SELECT state FROM job WHERE id = ?", (job,)).fetchone()
        if to != row["state"] and to not in MOVES[State(row["state"])]:
            raise RequestError(
                f"job `{job}` is {row['state']}: it cannot become {to}", remedy=f"`./invoke sandbox.show --job {job}`"
            )
        _set(connection, job, {"state": to, **columns})
    return get(database, job)


def update(database: Database, job: str, **columns: Any) -> None:
    """Set columns of a job."""
    with database.write() as connection:
        _set(connection, job, columns)


def ask_cancel(database: Database, job: str, what: str, now: str) -> Job:
    """Ask a living job to end: a queued one is cancelled at once, a running one by its worker."""
    with database.write() as connection:
        connection.execute("UPDATE job SET cancel = ? WHERE id = ? AND state IN ('queued', 'running')", (what, job))
        connection.execute(
            "UPDATE job SET state = 'cancelled', ended_at = ?, exit_code = 4 WHERE id = ? AND state = 'queued'",
            (now, job),
        )
    return get(database, job)


def ended(job: Job) -> bool:
    """Whether nothing more will happen to the job by itself."""
    return job.state in ENDED


def _set(connection: sqlite3.Connection, job: str, columns: Mapping[str, Any]) -> None:
    values = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in columns.items()}
    names = ", ".join(f"{key} = :{key}" for key in values)
    connection.execute(f"UPDATE job SET {names} WHERE id = :id", {**values, "id": job})  # noqa: S608


def _job(row: sqlite3.Row) -> Job:
    values = dict(row)
    values["request"] = Request.from_dict(json.loads(values["request"]))
    values["state"] = State(values["state"])
    values["error"] = json.loads(values["error"]) if values["error"] else None
    return Job(**values)
