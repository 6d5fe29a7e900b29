"""Whose turn it is. Pure: quotas, what is held, and how often each was served go in; a tenant comes out.

1. A tenant waits while its quota, or the machine, has no room for one more sandbox.
2. Urgent jobs go before all others, within their tenant's quota.
3. Who runs a whole job more than the fair share of all slots waits for who does not, so that long jobs take no more
   slots than short ones. Shares are by weight; what one cannot use for its quota, the others get.
4. Among those, who was served least for its weight is next. Nobody saves up more than one turn while it asks for none.
5. The name decides between equals, so that the same queue has always the same order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

EPSILON = 1e-9


@dataclass(frozen=True)
class Cost:
    """What one sandbox takes: its containers' CPUs and memory in MB together."""

    cpus: float = 0.0
    memory_mb: int = 0


@dataclass(frozen=True)
class Allowed:
    """What a tenant may hold. None is no limit."""

    sandboxes: int
    weight: float = 1.0
    cpus: float | None = None
    memory_mb: int | None = None
    jobs_per_day: int | None = None


@dataclass(frozen=True)
class Held:
    """What a tenant holds: `running` of its sandboxes are at work, the others are kept; `today` jobs were admitted."""

    sandboxes: int = 0
    running: int = 0
    cpus: float = 0.0
    memory_mb: int = 0
    today: int = 0

    def more(self, cost: Cost, count: int = 1, *, kept: bool = False) -> "Held":
        """Return this with a job more at work (or, with a negative count, one less); `kept`: its sandbox was there."""
        new = 0 if kept else count
        return Held(
            self.sandboxes + new,
            self.running + count,
            self.cpus + cost.cpus * new,
            self.memory_mb + cost.memory_mb * new,
            self.today + max(count, 0),
        )


@dataclass(frozen=True)
class Room:
    """What a machine still has: jobs at work, and sandboxes, CPUs, memory of all tenants. None is no limit."""

    jobs: int
    sandboxes: int | None = None
    cpus: float | None = None
    memory_mb: int | None = None

    def fits(self, cost: Cost, kept: bool = False) -> bool:
        """Whether one more job has room; `kept`: its sandbox is there already."""
        if self.jobs < 1 or kept:
            return self.jobs >= 1
        return not (
            (self.sandboxes is not None and self.sandboxes < 1)
            or (self.cpus is not None and cost.cpus > self.cpus + EPSILON)
            or (self.memory_mb is not None and cost.memory_mb > self.memory_mb)
        )

    def less(self, cost: Cost, count: int = 1, kept: bool = False) -> "Room":
        """Return this with a job more at work; a negative count gives back."""
        if kept:
            return replace(self, jobs=self.jobs - count)
        return Room(
            self.jobs - count,
            None if self.sandboxes is None else self.sandboxes - count,
            None if self.cpus is None else self.cpus - cost.cpus * count,
            None if self.memory_mb is None else self.memory_mb - cost.memory_mb * count,
        )


@dataclass(frozen=True)
class Head:
    """The job of a tenant that is first in its queue; `kept`: its sandbox is there already, and counted."""

    seq: int
    urgent: bool = False
    kept: bool = False


def hindrance(allowed: Allowed | None, held: Held, cost: Cost) -> str:
    """Return the quota that keeps a tenant from one more sandbox, as `held of allowed thing`; empty where none does."""
    if allowed is None:
        return "no quota"
    if held.sandboxes + 1 > allowed.sandboxes:
        return f"{held.sandboxes} of {allowed.sandboxes} sandboxes"
    if allowed.cpus is not None and held.cpus + cost.cpus > allowed.cpus + EPSILON:
        return f"{held.cpus:g} of {allowed.cpus:g} CPUs, and a sandbox takes {cost.cpus:g}"
    if allowed.memory_mb is not None and held.memory_mb + cost.memory_mb > allowed.memory_mb:
        return f"{held.memory_mb} of {allowed.memory_mb} MB, and a sandbox takes {cost.memory_mb} MB"
    if allowed.jobs_per_day is not None and held.today + 1 > allowed.jobs_per_day:
        return f"{held.today} of {allowed.jobs_per_day} jobs of today (UTC)"
    return ""


def shares(slots: int, weights: Mapping[str, float], caps: Mapping[str, int]) -> dict[str, float]:
    """Return how many of the slots each tenant may use by its weight; what one cannot use, the others get."""
    found: dict[str, float] = {}
    left, open_ = float(slots), set(weights)
    while open_ and left > EPSILON:
        level = left / sum(weights[name] for name in open_)
        full = {name for name in open_ if caps[name] <= level * weights[name]}
        for name in full or open_:
            found[name] = float(caps[name]) if full else level * weights[name]
        left -= sum(found[name] for name in full or open_)
        open_ = open_ - full if full else set()
    return {name: found.get(name, 0.0) for name in weights}


class Turns:
    """Hands out turns, one after the other; `served` is admissions by weight, its entry '' the queue's own place."""

    def __init__(
        self,
        allowed: Mapping[str, Allowed],
        held: Mapping[str, Held],
        served: Mapping[str, float],
        cost: Cost,
        room: Room,
        slots: int,
    ) -> None:
        self.allowed, self.cost, self.slots = allowed, cost, slots
        self.held, self.served, self.room = dict(held), dict(served), room

    def next(self, heads: Mapping[str, Head]) -> str | None:
        """Return the tenant whose head is next, or None where all have to wait."""
        able = [name for name, head in heads.items() if self._able(name, head)]
        urgent = [name for name in able if heads[name].urgent]
        below = self._below(urgent or able, heads)
        return min(below or urgent or able, key=lambda name: (self._place(name), name), default=None)

    def take(self, tenant: str, head: Head) -> None:
        """Give a tenant its turn."""
        place = self._place(tenant)
        self.served[""] = max(place, self.served.get("", 0.0))
        self.served[tenant] = place + 1 / self.allowed[tenant].weight
        self.held[tenant] = self.held.get(tenant, Held()).more(self.cost, kept=head.kept)
        self.room = self.room.less(self.cost, kept=head.kept)

    def give(self, tenant: str, cost: Cost, kept: bool = False) -> None:
        """Take back what a job that ended held; `kept`: a sandbox at which nothing was at work any more."""
        held = self.held.get(tenant, Held())
        self.held[tenant] = replace(held.more(cost, -1), running=held.running - (not kept))
        self.room = replace(self.room.less(cost, -1), jobs=self.room.jobs + (not kept))

    def new_day(self) -> None:
        """Begin a new day: what was admitted before counts no more."""
        self.held = {tenant: replace(held, today=0) for tenant, held in self.held.items()}

    def _able(self, name: str, head: Head) -> bool:
        allowed = self.allowed.get(name)
        if allowed is None or not self.room.fits(self.cost, head.kept):
            return False
        return head.kept or not hindrance(allowed, self.held.get(name, Held()), self.cost)

    def _place(self, name: str) -> float:
        """Return where a tenant stands: who asked for nothing for long has one turn in hand, not more."""
        now = self.served.get("", 0.0)
        return max(self.served.get(name, now), now - 1 / self.allowed[name].weight)

    def _below(self, able: list[str], heads: Mapping[str, Head]) -> list[str]:
        """Return those of `able` that run no whole job more than their share of the slots."""
        wanting = {name for name in {*heads, *self.held} if name in self.allowed}
        running = {name: self.held.get(name, Held()).running for name in wanting}
        wanting = {name for name in wanting if name in heads or running[name]}
        caps = {name: self._most(name) if name in heads else running[name] for name in wanting}
        fair = shares(self.slots, {name: self.allowed[name].weight for name in wanting}, caps)
        return [name for name in able if running[name] + EPSILON < fair[name] + 1]

    def _most(self, name: str) -> int:
        """Return how many jobs a tenant could have at work: its quota, without the sandboxes that are kept."""
        allowed, held = self.allowed[name], self.held.get(name, Held())
        kept = held.sandboxes - held.running
        limits = [allowed.sandboxes - kept]
        if allowed.cpus is not None and self.cost.cpus:
            limits.append(int((allowed.cpus + EPSILON) / self.cost.cpus) - kept)
        if allowed.memory_mb is not None and self.cost.memory_mb:
            limits.append(allowed.memory_mb // self.cost.memory_mb - kept)
        return max(min(limits), held.running, 0)
