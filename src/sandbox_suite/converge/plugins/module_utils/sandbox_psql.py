"""psql for the modules of our roles, which run inside the database's container as its owner.

What is sent goes through standard input, so that nothing of it shows in a process list.
"""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

NO_CONNECTION = 2  # psql's exit code; SQL that fails ends with 3
READY_SECONDS = 30.0
POLL_SECONDS = 0.02
PSQL = ("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--file=-")


class PsqlError(Exception):
    """psql refused; the message is its own."""


def literal(value: str) -> str:
    """Return `value` as an SQL string."""
    if "\0" in value:
        raise PsqlError("a text holds a zero byte, which PostgreSQL cannot keep")
    return "'" + value.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return `name` as an SQL name. PostgreSQL would cut a longer one silently."""
    if not name or "\0" in name or len(name.encode()) > 63:
        raise PsqlError(f"{name!r} is no name that PostgreSQL keeps: 1 to 63 bytes are needed")
    return '"' + name.replace('"', '""') + '"'


def run(database: str, script: str, following: bytes = b"") -> str:
    """Run SQL in one transaction and return what it printed. `following` are the rows of a last COPY FROM STDIN."""
    # Utility statements would stand in pg_stat_statements word by word, verifiers of passwords among them.
    text = f"SET pg_stat_statements.track = 'none';\n{script}\n"
    command = [*PSQL, "--single-transaction", f"--dbname={database}"]
    deadline = time.monotonic() + READY_SECONDS
    while True:
        done = subprocess.run(command, input=text.encode() + following, capture_output=True)
        # A container that has just been started may be asked before its server listens; nothing was executed then.
        if done.returncode != NO_CONNECTION or time.monotonic() > deadline:
            break
        time.sleep(POLL_SECONDS)
    if done.returncode:
        raise PsqlError(done.stderr.decode(errors="replace").strip() or f"psql ended with {done.returncode}")
    return done.stdout.decode()


def value(database: str, query: str) -> Any:
    """Return the one value that a query gives, parsed as JSON."""
    said = run(database, query + ";").strip()
    return json.loads(said) if said else None
