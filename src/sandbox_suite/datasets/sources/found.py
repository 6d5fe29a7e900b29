"""A table that a reader found, before it is stored."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox_suite.datasets.sources.model import Column

if TYPE_CHECKING:
    import pyarrow as pa

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class Found:
    """A table: its columns in order, and how to read its rows (as `columns` says, in slices of any length)."""

    name: str
    place: str  # for messages: a file's name, or a table of a database
    columns: Mapping[str, Column]
    rows: Callable[[], Iterator[pa.Table]]
    primary_key: tuple[str, ...] = ()
    foreign_keys: Mapping[str, str] = field(default_factory=dict)
    comment: str = ""
    declared: bool = False  # types and keys were declared where it comes from, so that it may be empty
    notes: tuple[str, ...] = ()  # what is not kept, for the person who imports


def misnamed(found: Found) -> list[str]:
    """Return what is wrong with the names of a table and its columns."""
    told = [] if NAME.fullmatch(found.name) else [f"table `{found.name}`: {_allowed(found.name)}"]
    odd = [column for column in found.columns if not NAME.fullmatch(column)]
    return told + [f"{found.name}.{column}: column {_allowed(column)}" for column in odd]


def _allowed(name: str) -> str:
    said = "names are lower-case letters, digits and _"
    simple = re.sub(r"_+", "_", re.sub(r"[^a-z0-9]+", "_", name.lower())).strip("_")
    return f"{said}, for instance `{simple[:63]}`" if NAME.fullmatch(simple[:63]) else said
