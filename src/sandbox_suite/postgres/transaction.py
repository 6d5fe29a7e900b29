"""One transaction of statements, COPYs and expectations inside a container: one exec, all of it or nothing.

psql reads one binary COPY at most from its input, so a few lines of Python with psycopg run there instead, and are fed
frames: a kind, a length (4 bytes, big end first), a payload. Input that ends before the last frame takes all back.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox_suite.core.errors import SandboxError
from sandbox_suite.postgres.inside import Fed, Psql

PIECE = 1 << 20  # bytes of rows in a frame: what the container has to hold at once
REFUSED = 3  # exit code of the script when the database, or an expectation, said no
SCRIPT = """
import json, sys
import psycopg
source, database = sys.stdin.buffer, sys.argv[1]

def frame():
    kind, size = source.read(1), int.from_bytes(source.read(4), "big")
    payload = source.read(size)
    if not kind or len(payload) < size:
        raise SystemExit("the input ended before its time")
    return kind, payload

def refuse(said):
    print(json.dumps(said), file=sys.stderr)
    raise SystemExit(3)

def work(cursor):
    while True:
        kind, payload = frame()
        if kind == b"Q":
            return
        if kind == b"C":
            with cursor.copy(payload.decode()) as copy:
                while True:
                    kind, rows = frame()
                    if kind == b"E":
                        break
                    copy.write(rows)
            continue
        asked = json.loads(payload)
        cursor.execute(asked["sql"].encode())
        found = cursor.fetchall() if cursor.description else None
        if found is not None:
            print(json.dumps(found), flush=True)
        if "expect" in asked and found != [tuple(asked["expect"])]:
            refuse({"unexpected": [list(row) for row in found]})

try:
    with psycopg.connect(host="/tmp", dbname=database, application_name="sandbox-suite") as connection:
        work(connection.cursor())
except psycopg.Error as error:
    refuse({"sqlstate": error.sqlstate, "message": error.diag.message_primary or str(error),
            "detail": error.diag.message_detail or ""})
"""


class RefusedError(SandboxError):
    """The database said no, or not what was expected; the transaction was taken back."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.sqlstate = str(said.get("sqlstate") or "")
        self.unexpected: list[list[Any]] = said.get("unexpected") or []
        words = [str(said[key]) for key in ("message", "detail") if said.get(key)]
        super().__init__(": ".join(words) or f"the database answered {self.unexpected}")


@dataclass(frozen=True)
class Statement:
    """SQL without parameters. With `expect`, the one row it must give; else the transaction is taken back."""

    sql: str
    expect: list[Any] | None = None


@dataclass(frozen=True)
class Copy:
    """A `COPY ... FROM STDIN` and what it reads."""

    sql: str
    chunks: Iterable[bytes] = field(repr=False)


def run(psql: Psql, parts: Iterable[Statement | Copy]) -> list[list[list[Any]]]:
    """Run the parts in one transaction; return the rows of each statement that gives rows, as JSON has them.

    RefusedError: taken back. InfrastructureError: the exec failed, and whatever it did was taken back too.
    """
    done: Fed = psql.fed(["python3", "-c", SCRIPT, psql.database], _frames(parts))
    if done.code == REFUSED:
        raise RefusedError(json.loads(done.err.strip().splitlines()[-1]))
    done.succeeded()
    return [json.loads(line) for line in done.out.splitlines()]


def _frames(parts: Iterable[Statement | Copy]) -> Iterator[bytes]:
    for part in parts:
        if isinstance(part, Copy):
            yield _frame(b"C", part.sql.encode())
            for chunk in part.chunks:
                yield from (_frame(b"D", chunk[at : at + PIECE]) for at in range(0, len(chunk), PIECE))
            yield _frame(b"E", b"")
        else:
            asked = {"sql": part.sql} if part.expect is None else {"sql": part.sql, "expect": part.expect}
            yield _frame(b"S", json.dumps(asked).encode())
    yield _frame(b"Q", b"")


def _frame(kind: bytes, payload: bytes) -> bytes:
    return kind + len(payload).to_bytes(4, "big") + payload
