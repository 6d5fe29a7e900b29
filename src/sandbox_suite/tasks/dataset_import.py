"""dataset.import: rows from outside become a raw version."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from invoke.context import Context
from invoke.tasks import task

from sandbox_suite.core.clock import utc_now
from sandbox_suite.core.errors import InfrastructureError, RequestError
from sandbox_suite.core.settings import settings
from sandbox_suite.tasks import output
from sandbox_suite.tasks.dataset import table_lines
from sandbox_suite.tasks.output import JSON_HELP

if TYPE_CHECKING:
    from sandbox_suite.datasets.importing import Imported

DATABASE_SECONDS = 3600  # one call of the Docker engine: restoring a dump is one


@task(
    name="import",
    iterable=["key", "type_", "ignore_key"],
    help={
        "name": "NAME@VERSION to store the rows as",
        "from": "CSV, Parquet, SQLite, a folder, a data set's YAML, postgresql://..., a dump, or a URL of a file",
        "key": "TABLE=COLUMN[,COLUMN]: a primary key that cannot be discovered; may be repeated",
        "ignore-key": "TABLE.COLUMN: a foreign key to leave out; may be repeated",
        "type": "TABLE.COLUMN=TYPE of a CSV column: int64, float64, text, bool, date, timestamp; may be repeated",
        "tables": "tables of a database, parted by commas; default: all",
        "schema": "schema of a PostgreSQL database; default: public",
        "encoding": "encoding of CSV files; default: UTF-8, or what their first bytes say",
        "dry-run": "read and check everything, show what would be stored, store nothing",
        "json": JSON_HELP,
    },
)
def import_(
    context: Context,
    name: str,
    from_: str,
    key: list[str] | None = None,
    type_: list[str] | None = None,
    ignore_key: list[str] | None = None,
    tables: str = "",
    schema: str = "",
    encoding: str = "",
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """Store rows from outside as a raw version; types, keys and comments are discovered and shown."""
    from sandbox_suite.datasets import importing

    wanted = importing.Wanted(from_, _pairs("--type", type_), encoding, _listed(tables), schema)
    primary = {table: _listed(columns) for table, columns in _pairs("--key", key).items()}
    keys = importing.Keys(primary, tuple(ignore_key or ()))
    done = importing.run(name, wanted, keys, settings(), _container, output.say, utc_now, dry_run=dry_run)
    if json:
        output.facts(done.as_dict())
    else:
        output.lines(_lines(done))


def _lines(done: "Imported") -> list[str]:
    said = {
        "stored": f"stored as raw version {done.version[:12]}",
        "unchanged": "is stored already with this content: nothing was changed",
        "dry run": "would be stored: nothing was changed",
    }
    tables = [line for table, spec in done.tables.items() for line in table_lines(table, spec)]
    notes = [f"note: {note}" for note in done.notes]
    return [f"{done.dataset}: {done.rows} rows, {said[done.outcome]}", *tables, *([""] if notes else []), *notes]


def _container() -> tuple[Any, str]:
    """Return a client of the Docker engine and the image of the container that restores a dump."""
    from sandbox_suite.engine import connection
    from sandbox_suite.toolchain import images

    client = connection.client(timeout=DATABASE_SECONDS)
    if "database" in images.missing():
        raise InfrastructureError(
            "the database image is not built", left="nothing was stored", remedy="run `./invoke ops.setup`"
        )
    return client, images.references()["database"]


def _pairs(option: str, given: Iterable[str] | None) -> dict[str, str]:
    pairs = {left: right for left, _, right in (item.partition("=") for item in given or ())}
    wrong = [left for left, right in pairs.items() if not (left and right)]
    if wrong:
        raise RequestError(f"{option} {wrong[0]}: there is no value", remedy=f"write {option} NAME=VALUE")
    return pairs


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
