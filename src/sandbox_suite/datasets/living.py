"""The dataset of a living database: what it is now, and what brings it to an attested version.

Everything happens in one transaction that ends with the proof: it holds the attested dataset after it, or what it held
before. Tables that are defined as they should be keep their identity, so that views, prepared statements and
connections of a plugin survive; only where a definition differs are all tables made anew.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox_suite.core.errors import InfrastructureError, RequestError
from sandbox_suite.datasets import living_sql, proof
from sandbox_suite.datasets.golden import filling
from sandbox_suite.datasets.store import Attested
from sandbox_suite.postgres import ddl, transaction
from sandbox_suite.postgres.inside import Psql
from sandbox_suite.postgres.transaction import Copy, RefusedError, Statement

LOCKED, DEPENDS, FULL = "55P03", "2BP01", "53100"  # SQLSTATEs: lock_not_available, dependent_objects..., disk_full
WAIT_SECONDS = 5.0  # for whoever holds the dataset's tables
Written = Mapping[str, Sequence[str]]  # table -> the transactions that wrote its rows, when they were proved


@dataclass(frozen=True)
class Difference:
    """What keeps a database from holding an attested version."""

    anew: bool  # tables are missing, too many, or defined otherwise: all are made anew
    tables: tuple[str, ...]  # whose rows are written

    @property
    def nothing(self) -> bool:
        """Whether there is none, as far as the writers tell."""
        return not self.tables and not self.anew


@dataclass(frozen=True)
class Brought:
    """What was done, and the proof of it: digests and writers by table."""

    difference: Difference
    digests: dict[str, str]
    writers: dict[str, list[str]]
    ended: int  # sessions that held the tables, and were ended for it

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "written": list(self.difference.tables),
            "tables_made_anew": self.difference.anew,
            "sessions_ended": self.ended,
            "proofs": self.digests,
        }


def look(attested: Attested, psql: Psql, proved: Written) -> Difference:
    """Compare, changing nothing: definitions, and whether every row is by a writer of those that were `proved`."""
    tables = attested.manifest["tables"]
    found = json.loads(psql.run(living_sql.look(tables, WAIT_SECONDS)).strip().splitlines()[-1])
    if found is None:
        return Difference(True, tuple(tables))
    changed = {name for name, table in tables.items() if _changed(found[name], table["rows"], proved.get(name))}
    return Difference(False, tuple(name for name in tables if name in _with_referring(changed, tables)))


def bring(
    attested: Attested,
    psql: Psql,
    difference: Difference,
    role: str,
    grants: Mapping[str, Sequence[str]],
    *,
    first: Iterable[str] = (),
    wait_seconds: float = WAIT_SECONDS,
    force: bool = False,
) -> Brought:
    """Bring the database to `attested` where it differs, give `role` exactly `grants`, and prove every table.

    `first` are statements that the same transaction begins with. Who holds the tables for longer than `wait_seconds`
    is told, or ended with `force`. RequestError: they are held, or the plugin's objects depend on other definitions.
    NotAttestedError: files differ from the manifest. InfrastructureError: it does not come out as attested.
    """
    digests = filling.expected(attested)
    check_grants(attested, grants)
    tables = list(attested.manifest["tables"])
    ended = int(psql.run(living_sql.end_holders()).strip()) if force else 0
    parts = _parts(attested, difference, first, living_sql.grants(role, grants), wait_seconds)
    try:
        said = transaction.run(psql, parts)
    except RefusedError as error:
        raise _explained(error, psql, attested) from error
    writers = {name: [str(by) for by in found or ()] for name, found in zip(tables, said[-1][0], strict=True)}
    return Brought(difference, digests, writers, ended)


def check_grants(attested: Attested, grants: Mapping[str, Sequence[str]]) -> None:
    """Refuse a version that lacks a table on which the plan grants rights."""
    missing = sorted(set(grants) - set(attested.manifest["tables"]))
    if missing:
        raise RequestError(
            f"{attested.name}@{attested.version} has no table {', '.join(missing)}, on which the plan grants rights",
            remedy="load another version, or correct the plan's `grants` and run a new job",
        )


def _parts(
    attested: Attested, difference: Difference, first: Iterable[str], last: Iterable[str], wait_seconds: float
) -> Iterator[Statement | Copy]:
    tables = attested.manifest["tables"]
    yield from map(Statement, [*living_sql.begin(wait_seconds), *first])
    if difference.anew:
        yield from map(Statement, living_sql.make_anew(tables))
    elif difference.tables:
        yield Statement(f"TRUNCATE {', '.join(map(ddl.qualified, difference.tables))}")
    for name in difference.tables:
        yield Copy(filling.copy(name, tables[name]), filling.rows(attested, name))
    yield from map(Statement, [*(ddl.create_keys(tables) if difference.anew else ()), *filling.CLOSED, *last])
    if difference.tables:
        yield Statement(f"ANALYZE {', '.join(map(ddl.qualified, difference.tables))}")
    # The lock keeps others from writing between the snapshot of the proof and the end of the transaction.
    yield Statement(f"LOCK TABLE {', '.join(map(ddl.qualified, tables))} IN SHARE MODE")
    queries = ", ".join(f"({query})" for query in proof.sql(attested.manifest).values())
    yield Statement(f"SELECT {queries}", [table["content_digest"] for table in tables.values()])
    yield Statement(f"SELECT {', '.join(living_sql.writers(name) for name in tables)}")


def _changed(found: Mapping[str, Any], rows: int, proved: Sequence[str] | None) -> bool:
    return found["rows"] != rows or proved is None or not set(found["writers"] or ()) <= set(proved)


def _with_referring(changed: set[str], tables: Mapping[str, Any]) -> set[str]:
    """Return the tables with all that refer to them: TRUNCATE takes no table without those."""
    more = {
        name for name, table in tables.items() for _, other, _ in ddl.foreign_keys(table) if other in changed
    } - changed
    return _with_referring(changed | more, tables) if more else changed


def _explained(error: RefusedError, psql: Psql, attested: Attested) -> Exception:
    left, said = "the transaction was taken back: the database is as it was", error.explanation.what
    reference = f"{attested.name}@{attested.version}"
    if error.unexpected:
        return InfrastructureError(f"what was loaded is not {reference}", left=left)
    if error.sqlstate == LOCKED:
        holders = psql.run(living_sql.holders()).strip().splitlines()
        who = "\n".join(holders) or "somebody who has just let go"
        return RequestError(
            f"the dataset's tables are held by\n{who}", left=left, remedy="try again, or end these with --force"
        )
    if error.sqlstate == DEPENDS:
        return RequestError(
            f"objects of the plugin depend on tables that {reference} defines otherwise: {said}",
            left=left,
            remedy="drop them (`./invoke sandbox.shell --psql`), or add --plugin to `dataset.reset`",
        )
    room = (
        "raise `tmpfs_mb` of part `database` in config/sandbox/resource_policies.yaml" if error.sqlstate == FULL else ""
    )
    return InfrastructureError(f"the dataset was not loaded: {said}", left=left, remedy=room)
