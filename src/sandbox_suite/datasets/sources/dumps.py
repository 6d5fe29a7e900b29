"""Dumps of pg_dump (custom format, or plain SQL, packed or not): restored in a database container without network.

A dump is a program. It runs as the database's superuser, but in a container of its own that has no network, no
capabilities and nothing of this machine, and that is removed whatever happens.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from sandbox_suite.core.errors import InfrastructureError, RequestError
from sandbox_suite.datasets.sources import catalog, csv_bytes
from sandbox_suite.datasets.sources.found import Found
from sandbox_suite.datasets.sources.postgres import Pieces
from sandbox_suite.postgres.inside import PSQL, Psql

if TYPE_CHECKING:
    from sandbox_suite.datasets.sources.origins import Around, Wanted

CUSTOM = b"PGDMP"
NAME = (
    "sandbox-suite-import"  # of containers; the end of the name is the private folder's, so that the next run finds it
)
PGDATA = "/data/pg"
MEMORY = 2 << 30  # bytes
PROCESSES = 256
CHUNK = 1 << 20
LISTED = 64  # chunks of a custom dump that hold its list of contents
DROP = "DROP SCHEMA public CASCADE"  # where a dump makes its own
SCRIPT = (*PSQL, "--dbname=sandbox", "--file=-", "--output=/dev/null")
RESTORE = ("pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "--dbname=sandbox")
# A plain dump names roles that the container lacks, and what newer servers and clients know.
ROLES = re.compile(rb'^(?:ALTER [^\n]* OWNER TO|(?:GRANT|REVOKE) [^\n]* (?:TO|FROM)) ("[^"\n]+"|[\w$]+)[^\n]*;', re.M)
BEYOND = re.compile(rb"^(?:SET (?:transaction_timeout|idle_session_timeout) = [^\n]*|\\(?:un)?restrict [^\n]*)$", re.M)
COPYING = re.compile(rb"^COPY [^\n]* FROM stdin;\n", re.M)
COPIED = re.compile(rb"^\\\.\n", re.M)


def found(path: Path, wanted: Wanted, around: Around, stack: contextlib.ExitStack) -> list[Found]:
    """Return the tables of a dump; `stack` removes the container."""
    with csv_bytes.opened(path) as file:
        head = file.read(len(CUSTOM))
    if not head:
        raise RequestError(f"{path.name}: is empty", remedy="give a whole dump")
    around.say(f"restore {path.name} in a container without network")
    database = stack.enter_context(_started(around))
    database.restore(path, custom=head == CUSTOM)
    return catalog.found(database, wanted, around.say)


@contextlib.contextmanager
def _started(around: Around) -> Iterator[_Inside]:
    client, image = around.container()
    name = f"{NAME}-{hashlib.sha256(str(around.work).encode()).hexdigest()[:12]}"
    _remove(client, name)
    container = _created(client, image, name)
    try:
        client.start(container)
        psql = Psql(client, container)
        psql.wait()
        yield _Inside(client, container)
    finally:
        _remove(client, name)


def _created(client: Any, image: str, name: str) -> str:
    from docker.errors import ImageNotFound

    host = client.create_host_config(
        init=True,
        network_mode="none",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        mem_limit=MEMORY,
        pids_limit=PROCESSES,
    )
    try:
        made = client.create_container(
            image, ["start-database"], name=name, environment={"PGDATA": PGDATA}, host_config=host
        )
        return str(made["Id"])
    except ImageNotFound as error:
        raise InfrastructureError(
            f"the database image {image} is not built", left="nothing was stored", remedy="run `./invoke ops.setup`"
        ) from error


def _remove(client: Any, name: str) -> None:
    from docker.errors import NotFound

    with contextlib.suppress(NotFound):
        client.remove_container(name, force=True, v=True)


class _Inside:
    """The database of the container."""

    def __init__(self, client: Any, container: str) -> None:
        self._client = client
        self._container = container

    def restore(self, path: Path, custom: bool) -> None:
        """Restore a dump; RequestError with the first thing that pg_restore or psql complains of."""
        before = self._before_custom(path) if custom else _before_plain(path)
        self._feed(path, SCRIPT, iter(["; ".join(before).encode()]))
        if custom:
            self._feed(path, RESTORE, _chunks(path))
        else:
            self._feed(path, SCRIPT, _known_statements(path))

    def _before_custom(self, path: Path) -> list[str]:
        listed = self._feed(path, ["pg_restore", "--list"], itertools.islice(_chunks(path), LISTED))
        return [DROP] if re.search(r" SCHEMA - public ", listed) else []

    def query(self, sql: str) -> Any:
        """Return the JSON document that a query gives."""
        return json.loads(b"".join(self._read(sql)))

    @contextlib.contextmanager
    def copy(self, sql: str) -> Iterator[BinaryIO]:
        """Open what a COPY writes."""
        yield cast(BinaryIO, io.BufferedReader(Pieces(self._read(catalog.copy(sql))), CHUNK))

    def _read(self, sql: str) -> Iterator[bytes]:
        """Yield what a statement writes; RequestError where it fails."""
        command = [*PSQL, "--dbname=sandbox", f"--command={sql}"]
        environment = {"PGOPTIONS": catalog.options()}
        started = self._client.exec_create(self._container, command, environment=environment)["Id"]
        said = bytearray()
        for out, wrong in self._client.exec_start(started, stream=True, demux=True):
            said += (wrong or b"")[: CHUNK - len(said)]
            if out:
                yield out
        if self._client.exec_inspect(started)["ExitCode"]:
            complaint = _complaint(said.decode(errors="replace"))
            raise RequestError(f"the restored dump cannot be read: {complaint}", left="nothing was stored")

    def _feed(self, path: Path, command: Sequence[str], chunks: Iterator[bytes]) -> str:
        try:
            return Psql(self._client, self._container).feed(list(command), chunks)
        except InfrastructureError as error:
            raise _not_restored(path, error.explanation.what) from error


def _not_restored(path: Path, said: str) -> RequestError:
    remedy = "give a whole dump of one database, made by pg_dump with --format=custom or --format=plain"
    if "unsupported version" in said or "unrecognized configuration parameter" in said:
        remedy = "the dump is from a newer PostgreSQL: make a plain one, or dump with pg_dump 15"
    return RequestError(
        f"{path.name}: cannot be restored: {_complaint(said)}", left="nothing was stored", remedy=remedy
    )


def _complaint(said: str) -> str:
    """Return the line that names the error, never the DETAIL or CONTEXT that quotes a row."""
    lines = [line.strip() for line in said.splitlines() if re.search(r"(?i)error:|fatal:|unsupported", line)]
    first = (lines or said.strip().splitlines() or ["no word why"])[0]
    return re.sub(r'(invalid input syntax[^"]*|out of range[^"]*)"[^"]*"', r"\1…", first)[:300]


def _chunks(path: Path) -> Iterator[bytes]:
    with csv_bytes.opened(path) as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _statements(path: Path) -> Iterator[tuple[bytes, bool]]:
    """Yield a plain dump in pieces that end with lines, each with whether it is SQL (else rows of a COPY)."""
    copying = False
    rest = b""
    for chunk in _chunks(path):
        text, mark, rest = (rest + chunk).rpartition(b"\n")
        text += mark
        while text:
            end = (COPIED if copying else COPYING).search(text)
            cut = end.end() if end else len(text)
            yield text[:cut], not copying
            copying, text = copying != bool(end), text[cut:]
    yield rest, not copying


def _known_statements(path: Path) -> Iterator[bytes]:
    """Yield a plain dump without the few statements that only newer servers and clients know."""
    for text, sql in _statements(path):
        yield BEYOND.sub(b"", text) if sql else text


def _before_plain(path: Path) -> list[str]:
    """Return what a plain dump needs before it: the roles that it hands things to, room for a schema `public`."""
    roles, own = set(), False
    for text, sql in _statements(path):
        if sql:
            roles |= {name.decode() for name in ROLES.findall(text)}
            own = own or bool(re.search(rb"^CREATE SCHEMA public;", text, re.M))
    there = {"postgres", "PUBLIC", "CURRENT_USER", "SESSION_USER"}
    missing = sorted(name for name in roles - there if not name.startswith("pg_"))
    return [f"CREATE ROLE {name}" for name in missing] + [DROP] * own
