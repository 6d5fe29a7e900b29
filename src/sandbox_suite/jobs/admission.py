"""Admission: who may run now. `fairness` decides, one transaction applies it."""

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sandbox_suite.core.clock import iso
from sandbox_suite.core.errors import CancelledError
from sandbox_suite.jobs import events
from sandbox_suite.jobs.database import Database, Row, Run
from sandbox_suite.jobs.fairness import Allowed, Cost, Head, Held, Room, Turns
from sandbox_suite.jobs.model import State

# A sandbox is held by who runs, and by whom it was left to: kept, failed, or queued again to go on with it.
HOLDING = (
    "SELECT tenant, machine, state, count(*) AS sandboxes, sum(cpus) AS cpus, sum(memory_mb) AS memory_mb FROM job"
    " WHERE state IN ('running', 'kept') OR (state IN ('failed', 'queued') AND expires_at != '')"
    " GROUP BY tenant, machine, state"
)
TODAY = "SELECT tenant, count(*) AS jobs FROM job WHERE admitted_at >= :midnight GROUP BY tenant"
# Who has its sandbox already is first: it needs no other, and whoever waits for the quota waits for its end.
ORDER = "CASE WHEN expires_at = '' THEN 1 ELSE 0 END, priority DESC, turn"
WAITING = (
    "SELECT seq, id, tenant, priority, expires_at FROM (SELECT job.*, row_number() OVER (PARTITION BY tenant"
    " ORDER BY ORDERED) AS place FROM job WHERE state = 'queued' AND pinned IN ('', :machine)) AS queue"
    " WHERE place <= :most ORDER BY tenant, place"
).replace("ORDERED", ORDER)
SLOTS = "SELECT coalesce(sum(capacity), 0) AS slots FROM machine WHERE state = 'alive' AND id != :machine"


@dataclass(frozen=True)
class Rules:
    """What admission goes by: every tenant's quota, what a sandbox takes, what this machine carries."""

    tenants: Mapping[str, Allowed]
    room: Room
    cost: Cost = field(default_factory=Cost)


def admit(database: Database, machine: str, rules: Rules, now: datetime.datetime) -> list[str]:
    """Admit what may run now on this machine; return the ids, which are then `running` and pinned to it.

    Jobs that have waited long enough give up in the same transaction.
    """
    with database.write() as run:
        give_up(run, now)
        turns = reckon(run, machine, rules, now)
        queues = _queues(run, machine, turns.room.jobs)
        chosen = _in_turn(turns, queues)
        _remember(run, turns.served, {"", *(row["tenant"] for row in chosen)} if chosen else ())
        return [row["id"] for row in chosen if _admit(run, row, machine, turns, now)]


def reckon(run: Run, machine: str, rules: Rules, now: datetime.datetime) -> Turns:
    """Return the queue's state: what every tenant holds and was served, what this machine still carries."""
    rows = run(HOLDING)
    held = {row["tenant"]: Held(today=row["jobs"]) for row in run(TODAY, midnight=iso(_midnight(now)))}
    room = rules.room
    for row in rows:
        held[row["tenant"]] = _held(held.get(row["tenant"], Held()), row)
        if row["machine"] == machine:
            room = _left(room, row)
    slots = rules.room.jobs + run(SLOTS, machine=machine)[0]["slots"]
    served = {row["name"]: row["served"] for row in run("SELECT name, served FROM tenant")}
    return Turns(rules.tenants, held, served, rules.cost, room, slots)


def _held(before: Held, row: Row) -> Held:
    return Held(
        before.sandboxes + row["sandboxes"],
        before.running + (row["sandboxes"] if row["state"] == State.RUNNING else 0),
        before.cpus + float(row["cpus"]),
        before.memory_mb + int(row["memory_mb"]),
        before.today,
    )


def _left(room: Room, row: Row) -> Room:
    at_work = row["sandboxes"] if row["state"] == State.RUNNING else 0
    return Room(
        room.jobs - at_work,
        None if room.sandboxes is None else room.sandboxes - row["sandboxes"],
        None if room.cpus is None else room.cpus - float(row["cpus"]),
        None if room.memory_mb is None else room.memory_mb - int(row["memory_mb"]),
    )


def _midnight(now: datetime.datetime) -> datetime.datetime:
    return now.astimezone(datetime.UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _queues(run: Run, machine: str, most: int) -> dict[str, list[Row]]:
    """Return each tenant's queue, as far as it could be admitted at once."""
    queues: dict[str, list[Row]] = {}
    for row in run(WAITING, machine=machine, most=most) if most > 0 else []:
        queues.setdefault(row["tenant"], []).append(row)
    return queues


def head(queue: Sequence[Row]) -> Head:
    """Return who is first in a tenant's queue."""
    return Head(queue[0]["seq"], bool(queue[0]["priority"]), queue[0]["expires_at"] != "")


def _in_turn(turns: Turns, queues: dict[str, list[Row]]) -> list[Row]:
    """Return the rows to admit, in the order of their turns."""
    chosen = []
    while queues and (tenant := turns.next({name: head(queue) for name, queue in queues.items()})):
        turns.take(tenant, head(queues[tenant]))
        chosen.append(queues[tenant].pop(0))
        if not queues[tenant]:
            del queues[tenant]
    return chosen


def _admit(run: Run, row: Row, machine: str, turns: Turns, now: datetime.datetime) -> bool:
    """Hand a job to this machine; False where it was cancelled meanwhile."""
    taken = run(
        "UPDATE job SET state = 'running', machine = :machine, admitted_at = :now, expires_at = '', claim = claim + 1,"
        " cpus = :cpus, memory_mb = :memory_mb WHERE id = :job AND state = 'queued' RETURNING id",
        job=row["id"],
        machine=machine,
        now=iso(now),
        cpus=turns.cost.cpus,
        memory_mb=turns.cost.memory_mb,
    )
    if taken:
        events.insert(run, events.Event(0, row["id"], iso(now), "state", message=f"admitted on machine {machine}"))
    return bool(taken)


def _remember(run: Run, served: Mapping[str, float], tenants: Iterable[str]) -> None:
    for name in tenants:
        run(
            "INSERT INTO tenant (name, served) VALUES (:name, :served)"
            " ON CONFLICT (name) DO UPDATE SET served = excluded.served",
            name=name,
            served=served[name],
        )


def give_up(run: Run, now: datetime.datetime) -> list[str]:
    """End the jobs that were to wait until now at most; return them."""
    late = run(
        "SELECT id, created_at, wait_until FROM job WHERE state = 'queued' AND wait_until != '' AND wait_until <= :now",
        now=iso(now),
    )
    for row in late:
        said = CancelledError(
            f"the job waited in the queue from {row['created_at']} to {row['wait_until']}, as long as it was to wait",
            left="nothing was provisioned",
            remedy=f"`./invoke sandbox.resume --job {row['id']}` queues it again",
        )
        run(
            "UPDATE job SET state = 'cancelled', ended_at = :now, exit_code = :code, error = :error"
            " WHERE id = :job AND state = 'queued'",
            now=iso(now),
            code=said.exit_code,
            error=json.dumps(said.as_dict()),
            job=row["id"],
        )
        events.insert(run, events.Event(0, row["id"], iso(now), "state", message="gave up waiting in the queue"))
    return [row["id"] for row in late]
