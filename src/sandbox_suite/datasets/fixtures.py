"""Fixtures: tables that a plan brings besides its dataset, each from a CSV file.

They pass no mask and no gate, so that nothing in them may look like personal data.
"""

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import file_digest
from sandbox_suite.core.findings import Finding

MAX_BYTES = 16 * 2**20  # the module that loads one holds it in memory


def look(fixtures: Mapping[str, Path], tables: Collection[str]) -> list[Finding]:
    """Return what is wrong with fixtures (table -> CSV file), beside a dataset of these tables. No value is shown."""
    return [finding for table, file in fixtures.items() for finding in _mistakes(table, file, tables)]


def facts(fixtures: Mapping[str, Path]) -> list[dict[str, str]]:
    """Return {"table", "file", "digest"} of each, for a job's plan."""
    return [{"table": table, "file": str(file), "digest": file_digest(file)} for table, file in fixtures.items()]


def unchanged(known: Sequence[Mapping[str, str]]) -> Sequence[Mapping[str, str]]:
    """Return the facts of fixtures whose files are as they were looked at; else a RequestError names the others."""
    changed = [fact["table"] for fact in known if not _is_still(fact)]
    if changed:
        raise RequestError(
            f"the file of fixture {', '.join(changed)} is not what the job was admitted with",
            left="it was not loaded",
            remedy="run a new job",
        )
    return known


def _is_still(fact: Mapping[str, str]) -> bool:
    try:
        return file_digest(Path(fact["file"])) == fact["digest"]
    except OSError:
        return False


def _mistakes(table: str, file: Path, tables: Collection[str]) -> Iterator[Finding]:
    if table in tables:
        yield _mistake(table, "is a table of the dataset, which no fixture replaces: `dataset.patch` corrects it")
        return
    try:
        if file.stat().st_size > MAX_BYTES:
            yield _mistake(table, f"{file.name} is larger than {MAX_BYTES >> 20} MB: make it a dataset")
            return
        yield from _read(table, file)
    except OSError as error:
        yield _mistake(table, f"{file.name}: {error.strerror or error}")
    except RequestError as error:
        for line in error.explanation.what.splitlines():
            yield _mistake(table, line)


def _read(table: str, file: Path) -> Iterator[Finding]:
    """Read a fixture as PostgreSQL will (UTF-8, commas, a header), and look for personal data."""
    from sandbox_suite.datasets.detection.tables import see
    from sandbox_suite.datasets.detection.veto import against
    from sandbox_suite.datasets.sources import csv_files
    from sandbox_suite.datasets.sources.found import misnamed
    from sandbox_suite.datasets.sources.texts import GUESSES

    found = csv_files.found(file, table, {}, GUESSES, encoding="utf-8")
    for line in misnamed(found):
        yield _mistake(table, line)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        if next(csv.reader(lines), []) != list(found.columns):
            yield _mistake(table, f"{file.name}: separate its columns with commas")
    for column, values in see(found.rows()).columns.items():
        for evidence in against(values).values():
            yield _mistake(
                f"{table}.{column}", f"looks like {evidence}: a fixture is not masked; put it in the dataset"
            )


def _mistake(place: str, message: str) -> Finding:
    return Finding("error", message, f"fixture {place}", "bad-fixture")
