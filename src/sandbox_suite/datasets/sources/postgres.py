"""PostgreSQL databases: tables, declared keys and comments from the catalog, rows by COPY, all of one snapshot.

`postgresql://user@host/database`, or `postgresql:///?service=NAME`. The password comes from PGPASSFILE, the service
file or PGPASSWORD, or stands in the URL as a reference: `?password=secret://sandbox/<name>`.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from sandbox_suite.core.errors import InfrastructureError, RequestError
from sandbox_suite.datasets.sources import catalog
from sandbox_suite.datasets.sources.found import Found
from sandbox_suite.datasets.sources.remote import shown

if TYPE_CHECKING:
    from sandbox_suite.datasets.sources.origins import Around, Wanted

SECRET = "secret://"  # noqa: S105 - the scheme of references, no secret
CONNECT_SECONDS = 10


class Database(Protocol):
    """A PostgreSQL database as the reader needs it."""

    def query(self, sql: str) -> Any:
        """Return the JSON document that a query gives as its only value."""

    def copy(self, sql: str) -> AbstractContextManager[BinaryIO]:
        """Open what `COPY (sql) TO STDOUT` writes, as CSV whose values are all quoted."""


def found(wanted: Wanted, around: Around, stack: contextlib.ExitStack) -> list[Found]:
    """Return the tables of the database that a URL names; `stack` ends the connection."""
    url, password = _resolved(wanted.place, around)
    around.say(f"read {shown(wanted.place)}")
    return catalog.found(stack.enter_context(_connected(url, password, shown(wanted.place))), wanted, around.say)


def _resolved(url: str, around: Around) -> tuple[str, dict[str, str]]:
    """Return the URL and, apart, the password behind its reference; RequestError where the URL itself holds one."""
    from sandbox_suite.secrets import references

    try:
        query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
        plain = urlsplit(url).password is not None or not query.get("password", SECRET).startswith(SECRET)
    except ValueError as error:
        raise RequestError(f"`{shown(url)}` is no URL: {error}", remedy="correct the URL") from None
    if plain:
        raise RequestError(
            f"`{shown(url)}` holds a password, which everybody on this machine can read while the command runs",
            left="nothing was read; take the password out of the shell's history too",
            remedy="name PGPASSFILE or a service (`?service=NAME`), or write `?password=secret://sandbox/<name>`",
        )
    reference = query.pop("password", "")
    if not reference:
        return url, {}
    bare = f"{url.partition('?')[0]}?{urlencode(query)}"
    return bare, {"password": references.resolve(reference, around.home).decode().strip()}


@contextlib.contextmanager
def _connected(url: str, password: Mapping[str, str], name: str) -> Iterator[Database]:
    import psycopg

    try:
        address = psycopg.conninfo.make_conninfo(url, **password)
        connection = psycopg.connect(
            address, options=catalog.options(), connect_timeout=CONNECT_SECONDS, application_name="sandbox-suite"
        )
    except (psycopg.Error, UnicodeError) as error:
        raise InfrastructureError(
            f"{name}: no connection: {_first_line(error)}",
            left="nothing was stored",
            remedy="correct the URL; the password comes from PGPASSFILE, a service or a `secret://` reference",
        ) from None
    with contextlib.closing(connection):
        yield _Connected(connection, name)


class _Connected:
    """A database behind a connection; the first query begins the snapshot that all others see."""

    def __init__(self, connection: Any, name: str) -> None:
        self._connection = connection
        self._name = name

    def query(self, sql: str) -> Any:
        with self._explained():
            (value,) = self._connection.execute(sql).fetchone()
            return value if not isinstance(value, str) else json.loads(value)

    @contextlib.contextmanager
    def copy(self, sql: str) -> Iterator[BinaryIO]:
        with self._explained(), self._connection.cursor() as cursor, cursor.copy(catalog.copy(sql)) as rows:
            yield cast(BinaryIO, io.BufferedReader(Pieces(map(bytes, rows)), 1 << 20))

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            raise RequestError(
                f"{self._name}: cannot be read: {_first_line(error)}",
                left="nothing was stored",
                remedy="give the role SELECT on the tables, or name those it may read with `--tables`",
            ) from error


class Pieces(io.RawIOBase):
    """Pieces of bytes as one stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with the next bytes; 0 at the end."""
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size


def _first_line(error: Exception) -> str:
    """Return the first line of what the server or libpq says, without secrets; later lines may quote rows."""
    from sandbox_suite.core.redaction import Redactor

    return Redactor()((str(error).strip() or type(error).__name__).splitlines()[0])
