"""The job table: the truth for what people ask about (state, place, machine, lease, times)."""

import json
from collections.abc import Mapping
from typing import Any

from sandbox_suite.core.errors import RequestError
from sandbox_suite.jobs import events
from sandbox_suite.jobs.database import Database, Row, Run
from sandbox_suite.jobs.model import ENDED, MOVES, Job, Request, State

SUBMIT = (
    "INSERT INTO job (id, tenant, plan, request, state, created_at, priority, wait_until, pinned, turn) VALUES"
    " (:job, :tenant, :plan, :request, 'queued', :now, :priority, :wait_until, :pinned,"
    " (SELECT coalesce(max(turn), 0) + 1 FROM job))"
)


def submit(database: Database, job: str, request: Request, now: str, *, wait_until: str = "", pinned: str = "") -> Job:
    """Put a job into the queue; `pinned` names the one machine that can run it."""
    with database.write() as run:
        run(
            SUBMIT,
            job=job,
            tenant=request.tenant,
            plan=request.plan,
            request=json.dumps(request.as_dict()),
            now=now,
            priority=int(request.priority == "urgent"),
            wait_until=wait_until,
            pinned=pinned,
        )
    return get(database, job)


def get(database: Database, job: str) -> Job:
    """Return a job, by its id or an unambiguous beginning of it; RequestError where there is none."""
    sql = "SELECT * FROM job WHERE id = :job"
    rows = database.read(sql, job=job) or database.read("SELECT * FROM job WHERE id LIKE :job || '%' LIMIT 2", job=job)
    if len(rows) != 1:
        known = ", ".join(row["id"] for row in database.read("SELECT id FROM job ORDER BY seq DESC LIMIT 5"))
        problem = "names several jobs" if rows else _unknown(database, job)
        raise RequestError(
            f"`{job}` {problem}",
            remedy=f"the latest: {known}" if known else "there is no job yet: `./invoke sandbox.run`",
        )
    return _job(rows[0])


def _unknown(database: Database, job: str) -> str:
    if job and (database.home / "jobs" / job).is_dir():
        older = f"is not in the database {database.place}, though its folder is here: that may be an older backup"
        return f"{older}; `./invoke ops.reconcile --job {job}` says what is left of it"
    return "is no job"


def latest(database: Database, limit: int = 100, tenant: str = "") -> list[Job]:
    """Return the newest jobs, newest first."""
    where = "WHERE tenant = :tenant" if tenant else ""
    values = {"tenant": tenant} if tenant else {}
    rows = database.read(f"SELECT * FROM job {where} ORDER BY seq DESC LIMIT :limit", limit=limit, **values)  # noqa: S608
    return [_job(row) for row in rows]


def in_state(database: Database, *states: State, machine: str = "") -> list[Job]:
    """Return the jobs in one of these states, oldest first; with `machine`, only that one's."""
    marks = ", ".join(f"'{state}'" for state in states)
    where, values = (" AND machine = :machine", {"machine": machine}) if machine else ("", {})
    sql = f"SELECT * FROM job WHERE state IN ({marks}){where} ORDER BY seq"  # noqa: S608
    return [_job(row) for row in database.read(sql, **values)]


def leased(database: Database) -> list[Job]:
    """Return the ended jobs that still have a sandbox: kept ones, and failed ones that were to be kept."""
    rows = database.read("SELECT * FROM job WHERE state IN ('kept', 'failed') AND expires_at != '' ORDER BY seq")
    return [_job(row) for row in rows]


def move(database: Database, job: str, to: State, **columns: Any) -> Job:
    """Move a job to another state, if the table of moves allows it, and set columns in the same transaction."""
    with database.write(job) as run:
        state = run("SELECT state FROM job WHERE id = :job", job=job)[0]["state"]
        if to != state and to not in MOVES[State(state)]:
            raise RequestError(
                f"job `{job}` is {state}: it cannot become {to}", remedy=f"`./invoke sandbox.show --job {job}`"
            )
        set_columns(run, job, {"state": to, **columns})
    return get(database, job)


def enqueue(database: Database, job: str, **columns: Any) -> Job:
    """Put a job that has ended into the queue again, behind all that wait."""
    turn = database.read("SELECT coalesce(max(turn), 0) + 1 AS turn FROM job")[0]["turn"]
    return move(database, job, State.QUEUED, turn=turn, wait_until="", **columns)


def update(database: Database, job: str, **columns: Any) -> None:
    """Set columns of a job."""
    with database.write(job) as run:
        set_columns(run, job, columns)


def ask_cancel(database: Database, job: str, what: str, now: str) -> Job:
    """Ask a living job to end: a queued one is cancelled at once, a running one by its worker."""
    with database.write(job) as run:
        run("UPDATE job SET cancel = :what WHERE id = :job AND state IN ('queued', 'running')", what=what, job=job)
        run(
            "UPDATE job SET state = 'cancelled', ended_at = :now, exit_code = 4 WHERE id = :job AND state = 'queued'",
            now=now,
            job=job,
        )
    return get(database, job)


def destroy_what_is_left(database: Database, job: Job, now: str, why: str) -> bool:
    """Have the worker destroy what an ended job holds; False where the job has moved on since it was read."""
    sql = (
        "UPDATE job SET state = 'running', cancel = 'destroy'"
        " WHERE id = :job AND state = :state AND claim = :claim AND expires_at = :lease RETURNING id"
    )
    with database.write(job.id) as run:
        taken = run(sql, job=job.id, state=job.state, claim=job.claim, lease=job.expires_at)
        if taken:
            events.insert(run, events.Event(0, job.id, now, "state", message=why))
    return bool(taken)


def ended(job: Job) -> bool:
    """Whether nothing more will happen to the job by itself."""
    return job.state in ENDED


def set_columns(run: Run, job: str, columns: Mapping[str, Any]) -> None:
    """Set columns of a job in a transaction that holds it; the names come from our own code."""
    values = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in columns.items()}
    names = ", ".join(f"{key} = :{key}" for key in values)
    run(f"UPDATE job SET {names} WHERE id = :id", **values, id=job)  # noqa: S608


def _job(row: Row) -> Job:
    values = dict(row)
    values["request"] = Request.from_dict(json.loads(values["request"]))
    values["state"] = State(values["state"])
    values["error"] = json.loads(values["error"]) if values["error"] else None
    return Job(**values)
