"""The database named by POWERX_DB_DSN, and a small pool of connections to it."""

import ctypes.util
import os
import queue
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

# To look a library up, Python runs ldconfig, and this process may make no processes (S-14): the loader knows the names.
ctypes.util.find_library = {"pq": "libpq.so.5", "c": "libc.so.6"}.get

import psycopg  # noqa: E402
from psycopg.rows import dict_row  # noqa: E402

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class UnavailableError(Exception):
    """The database cannot be reached, or every connection stays busy."""


def connect(dsn: str) -> psycopg.Connection[dict[str, Any]]:
    """Open a connection. The host's `search_path` parameter is none that libpq knows: it becomes an option."""
    parts = urlsplit(dsn)
    query = dict(parse_qsl(parts.query))
    schema = query.pop("search_path", "")
    options = "-c statement_timeout=5000" + (f" -c search_path={schema}" if NAME.fullmatch(schema) else "")
    plain = urlunsplit(parts._replace(query=urlencode(query)))
    return psycopg.connect(plain, options=options, connect_timeout=3, autocommit=True, row_factory=dict_row)


class Pool:
    """At most `size` connections, opened when first needed; the one used last is used next."""

    def __init__(self, dsn: str, size: int) -> None:
        self._dsn = dsn
        self._places: queue.LifoQueue[Any] = queue.LifoQueue()
        for _ in range(size):
            self._places.put(None)

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """Run one statement and return its rows."""
        with self._connection() as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[dict[str, Any]]]:
        held = None
        try:
            held = self._places.get(timeout=5)
        except queue.Empty:
            raise UnavailableError("every connection is busy") from None
        try:
            held = held or connect(self._dsn)
            yield held
        except psycopg.OperationalError as error:
            if held is not None:
                held.close()
            self._drop_idle()  # what is broken for one is broken for all
            held = None
            raise UnavailableError(type(error).__name__) from error
        finally:
            self._places.put(held)

    def _drop_idle(self) -> None:
        for _ in range(self._places.qsize()):
            try:
                idle = self._places.get_nowait()
            except queue.Empty:
                return
            if idle is not None:
                idle.close()
            self._places.put(None)


def from_environment() -> Pool:
    """Return the pool that the environment describes."""
    size = int(os.environ.get("DB_POOL_SIZE") or 4)
    return Pool(os.environ["POWERX_DB_DSN"], min(max(size, 1), 16))
