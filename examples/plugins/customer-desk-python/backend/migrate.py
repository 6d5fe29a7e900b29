"""Apply the numbered SQL files of `migrations/`, each once and each whole, in the schema of POWERX_DB_DSN."""

import hashlib
import json
import os
import sys
from pathlib import Path

import database

FOLDER = Path(__file__).resolve().parent.parent / "migrations"
APPLIED = """CREATE TABLE IF NOT EXISTS schema_migration (
    name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"""


def main() -> int:
    """Return 0 when the schema is up to date, 1 when an applied file has changed since."""
    files = {file.name: file.read_text() for file in sorted(FOLDER.glob("[0-9]*.sql"))}
    marks = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
    with database.connect(os.environ["POWERX_DB_DSN"]) as connection, connection.transaction():
        # Two at once: the second waits here and finds everything applied.
        connection.execute("SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.schema_migration'))")
        connection.execute(APPLIED)
        known = {row["name"]: row["sha256"] for row in connection.execute("SELECT name, sha256 FROM schema_migration")}
        if changed := [name for name, mark in marks.items() if known.get(name, mark) != mark]:
            print(json.dumps({"event": "migration-changed", "names": changed}), file=sys.stderr, flush=True)
            return 1
        for name in sorted(files.keys() - known.keys()):
            connection.execute(files[name])
            connection.execute("INSERT INTO schema_migration (name, sha256) VALUES (%s, %s)", (name, marks[name]))
            print(json.dumps({"event": "migrated", "name": name}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
