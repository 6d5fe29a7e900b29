"""The machines that share a job database: each shows that it lives, and what a lost one had is taken from it.

A machine is an installation (the id in its home). The database's clock judges all of them. A machine that comes back
finds its jobs fenced off, and removes what it had made of them.
"""

import datetime
import json
import os
from dataclasses import dataclass
from typing import Any

from sandbox_suite.core.clock import iso
from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.settings import Settings
from sandbox_suite.engine import installation
from sandbox_suite.jobs import events, requests
from sandbox_suite.jobs.admission import Rules
from sandbox_suite.jobs.database import Database, Row, Run
from sandbox_suite.jobs.model import Request, State
from sandbox_suite.jobs.policies import Machines, ResourcePolicies
from sandbox_suite.jobs.table import set_columns

BEAT_SECONDS = 2.0


@dataclass(frozen=True)
class Machine:
    """A machine as the database knows it; `silent` are the seconds since it last showed that it lives."""

    id: str
    name: str
    state: str  # alive; stopped: its worker ended in order; lost: silent for too long
    capacity: int
    silent: float


def own(settings: Settings) -> str:
    """Return this machine's id."""
    return installation(settings.home)


def rules(policies: ResourcePolicies, settings: Settings) -> Rules:
    """Return what admission on this machine goes by."""
    host = policies.host_of(os.uname().nodename)
    return Rules(policies.allowed(), host.room(settings.capacity), policies.cost())


def known(database: Database) -> dict[str, Machine]:
    """Return the machines by their ids."""
    sql = f"SELECT id, name, state, capacity, {database.driver.now_sql} - seen AS silent FROM machine"  # noqa: S608
    return {row["id"]: Machine(**{**row, "silent": float(row["silent"])}) for row in database.read(sql)}


def beat(database: Database, machine: str, capacity: int, state: str = "alive") -> str:
    """Show that this machine lives (or has `stopped`); return what it was taken for until now, empty when it is new."""
    now = database.driver.now_sql
    sql = (
        f"INSERT INTO machine (id, name, state, capacity, seen) VALUES (:machine, :name, :state, :capacity, {now})"  # noqa: S608
        " ON CONFLICT (id) DO UPDATE SET"
        " name = excluded.name, state = excluded.state, capacity = excluded.capacity, seen = excluded.seen"
    )
    with database.write() as run:
        before = run("SELECT state FROM machine WHERE id = :machine", machine=machine)
        run(
            sql,
            machine=machine,
            name=os.uname().nodename,
            state=state,
            capacity=capacity,
        )
    return str(before[0]["state"]) if before else ""


def adopt(database: Database, machine: str) -> None:
    """Take over what an earlier worker of this home had: on one machine, everything is ours, whatever it was called."""
    with database.write() as run:
        where = "machine = :machine" if database.shared else "machine != ''"
        run(
            f"UPDATE job SET machine = :machine, claim = claim + 1 WHERE state = 'running' AND {where}",  # noqa: S608
            machine=machine,
        )
        if not database.shared:
            run("UPDATE job SET machine = :machine WHERE machine NOT IN ('', :machine)", machine=machine)
            run("UPDATE job SET pinned = :machine WHERE pinned NOT IN ('', :machine)", machine=machine)


def take_from_lost(database: Database, policy: Machines, now: datetime.datetime) -> list[str]:
    """Declare machines lost that were silent for too long, end or requeue what they had; return lines that say so."""
    lost = [one.id for one in known(database).values() if _is_lost(one, policy)]
    said: list[str] = []
    for machine in lost:
        with database.write() as run:
            said += _take_from(database, run, machine, policy, now)
    return said


def _is_lost(machine: Machine, policy: Machines) -> bool:
    return machine.state == "lost" or (machine.state == "alive" and machine.silent > policy.lost_after_seconds)


def _take_from(database: Database, run: Run, machine: str, policy: Machines, now: datetime.datetime) -> list[str]:
    silent = f"{database.driver.now_sql} - seen > :after"
    still = run(
        f"UPDATE machine SET state = 'lost' WHERE id = :machine AND (state = 'lost' OR (state = 'alive' AND {silent}))"  # noqa: S608
        " RETURNING name",
        machine=machine,
        after=policy.lost_after_seconds,
    )
    rows = run(
        "SELECT id, state, request, cancel, pinned, expires_at FROM job WHERE (machine = :machine AND (state IN"
        " ('running', 'kept') OR expires_at != '')) OR (pinned = :machine AND state = 'queued') ORDER BY seq",
        machine=machine,
    )
    return [_lose(run, row, machine, still[0]["name"], policy, now) for row in rows] if still else []


def _lose(run: Run, row: Row, machine: str, name: str, policy: Machines, now: datetime.datetime) -> str:
    """End, or queue again, one job of a lost machine."""
    columns = _fate(row, f"{name} ({machine})", policy, now)
    ours = "UPDATE job SET claim = claim + 1 WHERE id = :job AND state = :state RETURNING id"
    if not run(ours, job=row["id"], state=row["state"]):
        return f"job {row['id']} ended while machine {name} was taken for lost"
    set_columns(run, row["id"], {**columns, "machine": "", "pinned": "", "expires_at": "", "cancel": ""})
    events.insert(run, events.Event(0, row["id"], iso(now), "lost", message=machine))
    events.insert(run, events.Event(0, row["id"], iso(now), "state", message=columns["state"]))
    return f"machine {name} ({machine}) is lost: job {row['id']} is {columns['state']}"


def _fate(row: Row, machine: str, policy: Machines, now: datetime.datetime) -> dict[str, Any]:
    if row["state"] == State.KEPT or (row["state"] == State.RUNNING and row["cancel"] == "destroy"):
        state = State.DONE if row["state"] == State.KEPT else State.CANCELLED
        return {"state": state, "ended_at": iso(now)} | ({"exit_code": 4} if state == State.CANCELLED else {})
    if row["cancel"]:
        return {"state": State.CANCELLED, "exit_code": 4, "ended_at": iso(now)}
    if row["state"] == State.FAILED:
        return {"state": State.FAILED}
    tied = requests.tied(Request.from_dict(json.loads(row["request"])))
    if policy.lost_jobs == "requeue" and not tied:
        return {"state": State.QUEUED, "admitted_at": ""}
    why = f"it needs what is on that machine ({tied})" if tied else "the policies say to fail such jobs"
    said = InfrastructureError(
        f"machine {machine} was lost while it had the job; {why}",
        left="what the job had made is on that machine, whose worker removes it when it comes back",
        remedy=f"`./invoke sandbox.retry --job {row['id']} --from-step admit` runs it from the beginning",
    )
    return {"state": State.FAILED, "exit_code": 5, "error": said.as_dict(), "ended_at": iso(now)}


def lost_here(database: Database, machine: str) -> list[str]:
    """Return the jobs that were taken from this machine, for what they may have left on it."""
    sql = (
        "SELECT DISTINCT event.job FROM event JOIN job ON job.id = event.job WHERE event.kind = 'lost'"
        " AND event.message = :machine AND job.machine != :machine"
    )
    return [row["job"] for row in database.read(sql, machine=machine)]
