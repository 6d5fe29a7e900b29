"""Admission: who is next. The rule is pure; `admit` applies it in one transaction."""

from collections.abc import Mapping, Sequence

from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.model import State

HOLDING = (
    "SELECT tenant, count(*) FROM job WHERE state IN ('running', 'kept') OR (state = 'failed' AND expires_at != '')"
    " GROUP BY tenant"
)


def choose(
    waiting: Sequence[tuple[int, str]], holding: Mapping[str, int], quotas: Mapping[str, tuple[int, float]]
) -> int | None:
    """Return the sequence number of the job to admit, or None.

    `waiting` is (seq, tenant), `holding` the sandboxes of each tenant, `quotas` (sandboxes, weight) of each. The tenant
    that holds least for its weight is next, and its oldest job; a tenant without quota, or none left, waits.
    """
    heads: dict[str, int] = {}
    for seq, tenant in sorted(waiting):
        heads.setdefault(tenant, seq)
    able = [
        (holding.get(tenant, 0) / quotas[tenant][1], seq)
        for tenant, seq in heads.items()
        if tenant in quotas and holding.get(tenant, 0) < quotas[tenant][0]
    ]
    return min(able)[1] if able else None


def admit(
    database: Database, machine: str, capacity: int, quotas: Mapping[str, tuple[int, float]], now: str
) -> list[str]:
    """Admit what may run now on this machine; return the ids, which are then `running` and pinned to it."""
    admitted = []
    with database.write() as connection:
        holding = dict(connection.execute(HOLDING).fetchall())
        query = "SELECT count(*) FROM job WHERE state = 'running' AND machine = ?"
        free = capacity - connection.execute(query, (machine,)).fetchone()[0]
        waiting = [tuple(row) for row in connection.execute("SELECT seq, tenant FROM job WHERE state = 'queued'")]
        while free > 0 and (seq := choose(waiting, holding, quotas)) is not None:
            row = connection.execute(
                "UPDATE job SET state = ?, machine = ?, admitted_at = ? WHERE seq = ? RETURNING id, tenant",
                (State.RUNNING, machine, now, seq),
            ).fetchone()
            admitted.append(row["id"])
            holding[row["tenant"]] = holding.get(row["tenant"], 0) + 1
            waiting = [item for item in waiting if item[0] != seq]
            free -= 1
    return admitted


def place(database: Database, job: str) -> int:
    """Return how many jobs of the same tenant wait before this one, plus one; 0 when it does not wait."""
    rows = database.read(
        "SELECT count(*) FROM job a JOIN job b ON a.tenant = b.tenant AND a.seq <= b.seq"
        " WHERE b.id = :job AND b.state = 'queued' AND a.state = 'queued'",
        job=job,
    )
    return int(rows[0][0])
