"""The kinds of masks, by name. Cheap to import: a kind's module, with polars and numpy, is loaded on first use."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

VERSION = "1"  # rises when any mask gives another result for the same key and value
Mode = Literal["tagged", "realistic"]
ON_UNKNOWN = frozenset({"on_unknown"})


@dataclass(frozen=True)
class Kind:
    """What a policy may say of a kind of mask."""

    name: str
    types: tuple[str, ...]  # Arrow types it takes
    modes: tuple[Mode, ...] = ()  # codomains it has; empty: it has none to choose from
    options: frozenset[str] = frozenset()  # what a rule may set besides `mask`, `mode`, `ref`
    required: frozenset[str] = frozenset()

    def module(self) -> ModuleType:
        """Return the module with `vector`, `scalar` and `codomain` of this kind."""
        return importlib.import_module(f"{__name__}.{self.name}")


TEXT = ("string",)
ANY = ("string", "int64", "double", "bool", "date32[day]", "timestamp[us]")
KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("email", TEXT, ("tagged",)),
        Kind("name", TEXT, ("realistic",), frozenset({"locale"})),
        Kind("address", TEXT, ("realistic",), frozenset({"locale"})),
        Kind("phone", TEXT, ("realistic",), ON_UNKNOWN),
        Kind("national_id", TEXT, ("realistic",), ON_UNKNOWN | {"country"}, frozenset({"country"})),
        Kind("iban", TEXT, ("realistic",), ON_UNKNOWN),
        Kind("card", TEXT, ("realistic",), ON_UNKNOWN),
        Kind("date", ("date32[day]", "timestamp[us]"), ("realistic",), frozenset({"person"}), frozenset({"person"})),
        Kind("free_text", TEXT, (), ON_UNKNOWN | {"names_from", "locale", "country"}),
        Kind("constant", ANY, (), frozenset({"value"}), frozenset({"value"})),
        Kind("null", ANY),
    )
}
COLUMN_OPTIONS = ("locale", "country", "person")  # options that name a column of the table, or `table.column`
