"""The kinds of masks, by name. Cheap to import: a kind's module, with polars and numpy, is loaded on first use."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

VERSION = "2"  # rises when any mask gives another result for the same key and value
Mode = Literal["tagged", "realistic"]
BOTH: tuple[Mode, ...] = ("tagged", "realistic")
ON_UNKNOWN = frozenset({"on_unknown"})


@dataclass(frozen=True)
class Kind:
    """What a policy may say of a kind of mask."""

    name: str
    types: tuple[str, ...]  # Arrow types it takes; empty: every type
    modes: tuple[Mode, ...] = ()  # codomains it has, the first is the default; empty: it has none to choose from
    options: frozenset[str] = frozenset()  # what a rule may set besides `mask`, `mode`, `ref`
    required: frozenset[str] = frozenset()
    file: str = ""  # the module, where its name is not the kind's
    changes: bool = True  # whether a result is never the value itself
    inside: bool = True  # whether it may mask a part of a value: a path of `json`, a part of a template

    def module(self) -> ModuleType:
        """Return the module with `vector`, `scalar` and `codomain` of this kind."""
        return importlib.import_module(f"{__name__}.{self.file or self.name}")


TEXT = ("string",)
ANY = ("string", "int64", "double", "bool", "date32[day]", "timestamp[us]")
DATES = ("date32[day]", "timestamp[us]")
EVERY: tuple[str, ...] = ()
PERSON, COUNTRY, VALUE = frozenset({"person"}), frozenset({"country"}), frozenset({"value"})
KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("email", TEXT, ("tagged",)),
        Kind("name", TEXT, ("realistic",), frozenset({"locale"})),
        Kind("address", TEXT, ("realistic",), frozenset({"locale"})),
        Kind("phone", TEXT, BOTH, ON_UNKNOWN),
        Kind("national_id", TEXT, BOTH, ON_UNKNOWN | COUNTRY, COUNTRY),
        Kind("iban", TEXT, BOTH, ON_UNKNOWN),
        Kind("card", TEXT, BOTH, ON_UNKNOWN),
        Kind("ip", TEXT, BOTH, ON_UNKNOWN),
        Kind("mac", TEXT, BOTH, ON_UNKNOWN),
        Kind("date", DATES, ("realistic",), PERSON, PERSON),
        Kind("free_text", TEXT, (), ON_UNKNOWN | {"names_from", "locale", "country"}, changes=False, inside=False),
        Kind("json", TEXT, (), ON_UNKNOWN | {"paths"}, frozenset({"paths"}), "json_paths", False, False),
        Kind("template", TEXT, (), ON_UNKNOWN, changes=False, inside=False),
        Kind("constant", ANY, (), VALUE, VALUE, changes=False),
        Kind("null", EVERY, changes=False),
        Kind("drop", EVERY, changes=False),
    )
}
COLUMN_OPTIONS = ("locale", "country", "person")  # options that name a column of the table, or `table.column`


def parts(rule: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (name, canonical rule) of what a composed rule masks inside a value: paths, or parts of a template."""
    yield from rule.get("paths", {}).items()
    yield from ((name, part["rule"]) for name, part in rule.get("parts", {}).items())


def needs(rule: Mapping[str, Any]) -> dict[str, str]:
    """Return {input: column} that a canonical rule needs beside the value: `column`, or `table.column`.

    The inputs of a part stand under `<part>/<input>`.
    """
    found = {option: rule[option] for option in COLUMN_OPTIONS if option in rule}
    found |= {f"name:{place}": column for place, column in enumerate(rule.get("names_from", []))}
    for name, part in parts(rule):
        found |= {f"{name}/{wanted}": column for wanted, column in needs(part).items()}
    return found
