"""The file of a manual correction: which cells get which value, which rows go. Mistakes name lines, never values.

CSV, with a head:                          YAML:
  table,key,column,value,delete              changes:
  customers,17,email,a@example.com,            - {table: customers, key: 17, column: email, value: a@example.com}
  customers,18,,,yes                           - {table: customers, key: 18, delete: true}

A key of several columns is a list, in the order of the primary key (in CSV as JSON). NULL is `\\N` in CSV, and what is
empty there is an empty text, or NULL where the column holds no text.
"""

import csv
import datetime
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from sandbox_suite.core import documents
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import canonical, digest

HEAD = ("table", "key", "column", "value", "delete")
NULL = "\\N"
YES, NO = ("yes", "true", "1"), ("", "no", "false", "0")
Scalar = StrictBool | int | float | datetime.datetime | datetime.date | str


@dataclass(frozen=True)
class Change:
    """One cell that gets a value, or one row that goes (`column` is empty). Values and keys are texts."""

    place: str  # file:line
    table: str
    key: tuple[str, ...]
    column: str
    value: str | None
    blank: bool = False  # an empty cell of a CSV file: NULL, where the column holds no text

    @property
    def deletes(self) -> bool:
        """Whether the row goes."""
        return not self.column


class ChangeDocument(BaseModel):
    """A change as YAML spells it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    table: Annotated[str, Field(min_length=1)]
    key: Scalar | Annotated[list[Scalar], Field(min_length=1)]
    column: Annotated[str, Field(min_length=1)] | None = None
    value: Scalar | None = None
    delete: StrictBool = False

    @model_validator(mode="after")
    def _one_thing(self) -> "ChangeDocument":
        if self.delete == ("column" in self.model_fields_set):
            raise ValueError("either `column` and `value`, or `delete: true`")
        if self.delete == ("value" in self.model_fields_set):
            raise ValueError("a `value` belongs to a `column`; NULL is `value: null`")
        return self


class PatchDocument(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    changes: Annotated[list[ChangeDocument], Field(min_length=1)]


def read(path: Path) -> list[Change]:
    """Return the changes of a CSV or YAML file; RequestError names every mistake with its line."""
    if path.suffix == ".csv":
        changes = _csv(path)
    elif path.suffix in (".yaml", ".yml"):
        document = documents.load(path, PatchDocument, "patch")
        changes = [_change(f"{path.name}: change {number}", one) for number, one in enumerate(document.changes, 1)]
    else:
        raise RequestError(f"{path.name}: not .csv or .yaml", remedy="give the changes in one of these forms")
    if not changes:
        raise RequestError(f"{path.name}: no change in it")
    _refuse_twice(changes)
    return changes


def changes_digest(changes: list[Change]) -> str:
    """Return the digest of what changes do, wherever they stand."""
    return digest(canonical([{**asdict(change), "place": ""} for change in changes]))


def _change(place: str, one: ChangeDocument) -> Change:
    key = tuple(map(_text, one.key if isinstance(one.key, list) else [one.key]))
    return Change(place, one.table, key, one.column or "", None if one.value is None else _text(one.value))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime.date) else str(value)


def _csv(path: Path) -> list[Change]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            head = next(rows, [])
            if set(head) - set(HEAD) or not {"table", "key"} <= set(head) or len(set(head)) != len(head):
                raise RequestError(f"{path.name}:1: the head is not {','.join(HEAD)}")
            lines = [(f"{path.name}:{rows.line_num}", row) for row in rows if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        said = error.strerror if isinstance(error, OSError) else f"not a CSV file in UTF-8 ({type(error).__name__})"
        raise RequestError(f"{path.name}: cannot be read: {said}") from error
    mistakes = [
        f"{place}: {len(row)} cells, where the head has {len(head)}" for place, row in lines if len(row) != len(head)
    ]
    read = [(place, dict(zip(head, row, strict=True))) for place, row in lines if len(row) == len(head)]
    mistakes += [f"{place}: {said}" for place, cells in read for said in _mistakes(cells)]
    if mistakes:
        raise RequestError("\n".join(mistakes), remedy=f"correct {path.name}")
    return [_of_cells(place, cells) for place, cells in read]


def _mistakes(cells: dict[str, str]) -> Iterator[str]:
    said, column = cells.get("delete", "").lower(), cells.get("column", "")
    if not cells["table"] or not cells["key"]:
        yield "`table` and `key` are needed"
    if said not in (*YES, *NO):
        yield "`delete` is yes or empty"
    elif (said in YES) == bool(column):
        yield "either `column` and `value`, or `delete`"
    elif said in YES and cells.get("value", ""):
        yield "a row that is deleted has no `value`"
    if column and "value" not in cells:
        yield "the head names no `value`"


def _of_cells(place: str, cells: dict[str, str]) -> Change:
    value = cells.get("value", "")
    column = cells.get("column", "")
    return Change(
        place, cells["table"], _key(cells["key"]), column, None if value == NULL or not column else value, value == ""
    )


def _key(text: str) -> tuple[str, ...]:
    """Return a key's parts; several are a JSON list."""
    if text.startswith("["):
        try:
            parts = json.loads(text)
        except ValueError:
            return (text,)
        if isinstance(parts, list) and parts and all(isinstance(part, str | int | float | bool) for part in parts):
            return tuple(map(_text, parts))
    return (text,)


def _refuse_twice(changes: list[Change]) -> None:
    mistakes: list[str] = []
    seen: dict[tuple[str, tuple[str, ...], str], str] = {}
    gone = {(change.table, change.key) for change in changes if change.deletes}
    for change in changes:
        cell = (change.table, change.key, change.column)
        if cell in seen:
            mistakes.append(f"{change.place}: says again what {seen[cell]} says of the same cell or row")
        elif not change.deletes and (change.table, change.key) in gone:
            mistakes.append(f"{change.place}: changes a row that is deleted")
        seen.setdefault(cell, change.place)
    if mistakes:
        raise RequestError("\n".join(mistakes), remedy="say one thing of each cell")
