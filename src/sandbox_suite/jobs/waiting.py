"""The queue as a person asks for it: a job's place, what it waits for, and when it will start."""

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox_suite.core.clock import iso
from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs import admission, machines, policy_store
from sandbox_suite.jobs.database import Database, Row
from sandbox_suite.jobs.fairness import Cost, Held, Turns, hindrance
from sandbox_suite.jobs.forecast import DAY, UNKNOWN, Busy, Queued, starts

NEXT = "its turn comes"
MEASURED = 3  # so many earlier jobs of a plan there must be before their times say anything
LATEST = 20  # so many are looked at
QUEUE = "SELECT id, seq, tenant, plan, priority, expires_at, pinned FROM job WHERE state = 'queued' ORDER BY tenant, $"
QUEUE = QUEUE.replace("$", admission.ORDER)
BUSY = (
    "SELECT tenant, plan, state, admitted_at, expires_at, cpus, memory_mb FROM job WHERE state IN ('running', 'kept')"
    " OR (state = 'failed' AND expires_at != '')"
)
EARLIER = (
    "SELECT plan, request, admitted_at, ended_at FROM job WHERE state = 'done' AND admitted_at != '' AND ended_at != ''"
    " ORDER BY seq DESC LIMIT 500"
)


@dataclass(frozen=True)
class Wait:
    """How a job waits. `place` counts within its tenant; times are ISO 8601 in UTC, None where nobody can know."""

    place: int
    reason: str
    earliest: str | None
    latest: str | None
    unknown: str = ""  # why a time is not known

    def as_dict(self) -> dict[str, Any]:
        """Return the wait as JSON."""
        forecast = {"earliest": self.earliest, "latest": self.latest, "unknown": self.unknown}
        return {"place": self.place, "reason": self.reason, "forecast": forecast}

    def start(self) -> str:
        """Return the forecast in a few words."""
        if self.earliest is None:
            return "unknown"
        return f"{_hour(self.earliest)}-{_hour(self.latest)}" if self.latest else f"{_hour(self.earliest)} or later"

    def words(self) -> str:
        """Return all of it as a sentence."""
        why = f" ({self.unknown})" if self.unknown and not self.latest else ""
        return f"number {self.place} in its queue; {self.reason}; starts {self.start()}{why}"


def of(database: Database, settings: Settings, now: datetime.datetime) -> dict[str, Wait]:
    """Return how each queued job waits."""
    queue = database.read(QUEUE)
    if not queue:
        return {}
    rules = machines.rules(policy_store.current(settings).rules, settings)
    times = _measured(database)
    early, late = (_starts(database, settings, rules, queue, times, index, now) for index in (0, 1))
    turns = admission.reckon(database.read, machines.own(settings), rules, now)
    places: dict[str, int] = {}
    found = {}
    for row in queue:
        places[row["tenant"]] = places.get(row["tenant"], 0) + 1
        first, last = (_moment(now, times_.get(row["id"])) for times_ in (early, late))
        why = "" if last else _unknown(queue, times)
        found[row["id"]] = Wait(places[row["tenant"]], _reason(row, turns), first, last, why)
    return found


def _starts(
    database: Database,
    settings: Settings,
    rules: admission.Rules,
    queue: list[Row],
    times: Mapping[str, tuple[float, float]],
    index: int,
    now: datetime.datetime,
) -> dict[str, float]:
    """Return the earliest (index 0) or latest (1) starts, in seconds from now."""
    turns = admission.reckon(database.read, machines.own(settings), rules, now)
    queues: dict[str, list[Queued]] = {}
    for row in queue:
        queues.setdefault(row["tenant"], []).append(Queued(row["id"], row["plan"], admission.head([row])))
    takes = {plan: measured[index] for plan, measured in times.items()}
    busy = [_busy(row, times.get(row["plan"]), index, now) for row in database.read(BUSY)]
    midnight = DAY - (now - now.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    return starts(turns, queues, busy, takes, midnight)


def _busy(row: Row, measured: tuple[float, float] | None, index: int, now: datetime.datetime) -> Busy:
    cost = Cost(row["cpus"], row["memory_mb"])
    if row["state"] != "running":
        return Busy(row["tenant"], max(_seconds(iso(now), row["expires_at"]), 0.0), cost, kept=True)
    if measured is None:
        return Busy(row["tenant"], UNKNOWN, cost)
    left = measured[index] - _seconds(row["admitted_at"] or iso(now), iso(now))
    # one that takes longer than all before it may end now, or whenever
    return Busy(row["tenant"], left if left > 0 else UNKNOWN if index else 0.0, cost)


def _measured(database: Database) -> dict[str, tuple[float, float]]:
    """Return the shortest and longest seconds that the latest jobs of each plan took."""
    taken: dict[str, list[float]] = {}
    for row in database.read(EARLIER):
        if not json.loads(row["request"]).get("keep") and len(taken.setdefault(row["plan"], [])) < LATEST:
            taken[row["plan"]].append(_seconds(row["admitted_at"], row["ended_at"]))
    return {plan: (min(seconds), max(seconds)) for plan, seconds in taken.items() if len(seconds) >= MEASURED}


def _unknown(queue: list[Row], times: Mapping[str, tuple[float, float]]) -> str:
    fresh = sorted({row["plan"] for row in queue} - times.keys())
    if fresh:
        return f"fewer than {MEASURED} jobs of plan {', '.join(fresh)} were measured"
    return "what is at work now takes longer than any job before it, or no quota becomes free by itself"


def _reason(row: Row, turns: Turns) -> str:
    tenant = row["tenant"]
    hindered = hindrance(turns.allowed.get(tenant), turns.held.get(tenant, Held()), turns.cost)
    if hindered and row["expires_at"] == "":
        holds = "has" if hindered == "no quota" else "holds"
        return f"tenant `{tenant}` {holds} {hindered}"
    if not turns.room.fits(turns.cost, row["expires_at"] != ""):
        return "every slot is taken"
    return f"waits for machine {row['pinned']}" if row["pinned"] else NEXT


def _seconds(begin: str, end: str) -> float:
    moments = [datetime.datetime.fromisoformat(moment) for moment in (begin, end)]
    return (moments[1] - moments[0]).total_seconds()


def _moment(now: datetime.datetime, seconds: float | None) -> str | None:
    return None if seconds is None else iso(now + datetime.timedelta(seconds=seconds))


def _hour(moment: str) -> str:
    return moment[11:19]
