"""Where an import comes from: a path or a URL, looked at once, and the tables that are found there."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.progress import Say
from sandbox_suite.datasets.sources import csv_bytes, remote
from sandbox_suite.datasets.sources.found import Found
from sandbox_suite.datasets.sources.mistakes import Mistakes

POSTGRES = ("postgresql", "postgres")
KINDS = "a CSV or Parquet file, a folder of them, a data set's YAML, an SQLite database, a PostgreSQL URL or dump"
SUFFIXES = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".yaml": "described",
    ".yml": "described",
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
    ".sql": "dump",
    ".dump": "dump",
    ".pgdump": "dump",
}
MAGIC = {b"PAR1": "parquet", b"SQLite format 3\0": "sqlite", b"PGDMP": "dump"}
# A database container without network that a dump is restored in: (client of the Docker engine, image).
Container = Callable[[], tuple[Any, str]]


@dataclass(frozen=True)
class Wanted:
    """What to import, as a person asks for it."""

    place: str  # path or URL
    types: Mapping[str, str] = field(default_factory=dict)  # `table.column` -> type, as a data set's YAML spells it
    encoding: str = ""  # of CSV files; empty: what their first bytes say, else UTF-8
    tables: tuple[str, ...] = ()  # of a database; empty: all
    schema: str = ""  # of a PostgreSQL database; empty: the only one that has tables


@dataclass(frozen=True)
class Around:
    """What reading may use: an empty private folder, the home of secrets, a container, a voice."""

    work: Path
    home: Path
    container: Container
    say: Say


@contextlib.contextmanager
def opened(wanted: Wanted, around: Around) -> Iterator[list[Found]]:
    """Give the tables that are found; RequestError tells every mistake that shows without reading all rows."""
    with contextlib.ExitStack() as stack:
        scheme = remote.scheme(wanted.place)
        if scheme in POSTGRES:
            from sandbox_suite.datasets.sources import postgres

            yield postgres.found(wanted, around, stack)
        elif scheme and scheme != "file":
            place = remote.fetch(wanted.place, around.work / "fetched", around.say)
            yield _at(place, wanted, around, stack)
        else:
            yield _at(_path(wanted.place), wanted, around, stack)


def described(place: str) -> Path | None:
    """Return the YAML file that a place is described by, if it is one of that kind here."""
    if remote.scheme(place) not in ("", "file"):
        return None
    path = _path(place)
    file = path / "dataset.yaml" if path.is_dir() else path
    return file if file.is_file() and SUFFIXES.get(file.suffix) == "described" else None


def _path(place: str) -> Path:
    return Path(unquote(urlsplit(place).path) if remote.scheme(place) == "file" else place).expanduser()


def _at(path: Path, wanted: Wanted, around: Around, stack: contextlib.ExitStack) -> list[Found]:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise RequestError(
            f"{path}: {error.strerror or 'cannot be found'}", left="nothing was stored", remedy=f"name {KINDS}"
        ) from error
    if stat.S_ISDIR(mode):
        return _in_folder(path, wanted, around)
    if not stat.S_ISREG(mode):
        raise RequestError(f"{path}: is no file and no folder", remedy=f"name {KINDS}")
    kind = _kind(path)
    if kind == "described":
        return _described(path)
    if kind == "sqlite":
        from sandbox_suite.datasets.sources import sqlite

        return sqlite.found(path, wanted.tables, stack)
    if kind == "dump":
        from sandbox_suite.datasets.sources import dumps

        return dumps.found(path, wanted, around, stack)
    return [_file(path, kind, wanted)]


def _kind(path: Path) -> str:
    """Return the kind of a file, from its name or else its first bytes; RequestError where it is none of ours."""
    name = Path(path.stem) if path.suffix in csv_bytes.PACKED else path
    kind = SUFFIXES.get(name.suffix.lower())
    if kind is None:
        with path.open("rb") as file:
            head = file.read(16)
        kind = next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), None)
    if kind is None:
        raise RequestError(f"{path.name}: is of no kind that is known here", remedy=f"name {KINDS}")
    if name is not path and kind not in ("csv", "dump"):
        raise RequestError(f"{path.name}: only CSV files and plain dumps are unpacked", remedy="unpack it")
    return kind


def _file(path: Path, kind: str, wanted: Wanted) -> Found:
    from sandbox_suite.datasets.sources import csv_files, parquet_files
    from sandbox_suite.datasets.sources.texts import GUESSES

    table = _table(path)
    if kind == "parquet":
        return parquet_files.found(path, table)
    asked = _asked(wanted.types, table)
    return csv_files.found(path, table, asked, GUESSES, wanted.encoding)


def _asked(types: Mapping[str, str], table: str) -> dict[str, str]:
    from sandbox_suite.datasets.sources.csv_files import TYPES

    asked = {key.partition(".")[2]: kind for key, kind in types.items() if key.partition(".")[0] == table}
    odd = sorted({kind for kind in asked.values() if kind not in TYPES})
    if odd:
        raise RequestError(f"`{'`, `'.join(odd)}` is no type", remedy=f"use {', '.join(TYPES)}")
    return {column: TYPES[kind] for column, kind in asked.items()}


def _table(path: Path) -> str:
    """Return the name of a file's table: the file's, in lower case, with _ for blanks and hyphens."""
    stem = path.name.partition(".")[0]
    return stem.lower().replace(" ", "_").replace("-", "_")


def _in_folder(folder: Path, wanted: Wanted, around: Around) -> list[Found]:
    if (folder / "dataset.yaml").is_file():
        return _described(folder / "dataset.yaml")
    mistakes = Mistakes()
    tables: dict[str, Found] = {}
    files = {path: _tabular(path) for path in sorted(folder.iterdir()) if path.name[0] not in "._"}
    for path, kind in files.items():
        if not kind:
            around.say(f"passed over: {path.name}")
            continue
        with mistakes.gathered():
            _inside(path, folder)
            found = _file(path, kind, wanted)
            if found.name in tables:
                said = f"{path.name} and {tables[found.name].place} would both be table `{found.name}`"
                mistakes.add(said, "rename one of them")
            tables[found.name] = found
    if not tables and not mistakes:
        mistakes.add(f"{folder}: holds no CSV or Parquet file", f"name {KINDS}")
    mistakes.settle()
    return list(tables.values())


def _tabular(path: Path) -> str:
    name = Path(path.stem) if path.suffix in csv_bytes.PACKED else path
    kind = SUFFIXES.get(name.suffix.lower(), "")
    return kind if kind in ("csv", "parquet") and not path.is_dir() else ""


def _inside(path: Path, folder: Path) -> None:
    """Refuse a file that is not really in its folder, or is none."""
    if not path.resolve().is_relative_to(folder.resolve()):
        raise RequestError(f"{path.name}: leads out of {folder}", remedy="put the file itself into the folder")
    if not path.exists():
        raise RequestError(f"{path.name}: leads nowhere", remedy="put the file itself into the folder")
    if not path.is_file():
        raise RequestError(f"{path.name}: is no file", remedy="take it out of the folder")


def _described(file: Path) -> list[Found]:
    """Return the tables of a data set's YAML; its files have to lie beside it or below."""
    from sandbox_suite.datasets import sources

    source = sources.load(file)
    mistakes = Mistakes()
    for name in source.document.files.values():
        with mistakes.gathered():
            _inside(file.parent / name, file.parent)
    mistakes.settle()
    tables = []
    for name, table in source.tables.items():
        with mistakes.gathered():
            tables.append(
                Found(
                    name,
                    source.document.files.get(name, name),
                    source.columns(name),
                    _reader(source, name),
                    table.primary_key,
                    table.foreign_keys,
                    declared=True,
                )
            )
    mistakes.settle()
    return tables


def _reader(source: Any, table: str) -> Callable[[], Iterator[Any]]:
    return lambda: source.stream(table)


def unknown(names: Sequence[str], tables: Mapping[str, Any], option: str, mistakes: Mistakes) -> None:
    """Note what an option names that is no table, or no column of one (`table.column`)."""
    for name in names:
        table, _, column = name.partition(".")
        columns = tables[table].columns if table in tables else {}
        if table not in tables or (column and column not in columns):
            there = ", ".join(columns if columns else tables)
            mistakes.add(f"{option}: there is no `{name}`; there are {there}", f"correct {option}")
