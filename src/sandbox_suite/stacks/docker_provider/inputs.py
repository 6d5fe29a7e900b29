"""Which inputs are refused, and what a change of them means: pure rules."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sandbox_suite.stacks.docker_provider.tables import IMAGE, TABLES, Table
from sandbox_suite.stacks.docker_provider.values import UNKNOWN

OFFICIAL = "the official provider (SANDBOX_PROVIDER=official) has it"


@dataclass(frozen=True)
class Change:
    """One input that differs."""

    name: str
    how: Literal["add", "delete", "update"]
    replaces: bool


def refused(token: str, inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (input, reason) for all that this provider cannot do."""
    table = TABLES.get(token)
    if table is None:
        yield "", f"the embedded Docker provider has no {token}; {OFFICIAL}"
        return
    for name in sorted(table.required - inputs.keys()):
        yield name, f"`{name}` is required"
    for name in sorted(_named(inputs)):
        if name not in table.inputs:
            yield name, f"the embedded Docker provider has no input `{name}`; {OFFICIAL}"
        elif name in table.nested:
            yield from _refused_keys(name, inputs[name], table.nested[name])
    if table is IMAGE and inputs.get("keepLocally", True) is not True:
        yield "keepLocally", "`keepLocally` must be true: the embedded Docker provider looks an image up and leaves it"


def changes(
    table: Table, old: Mapping[str, Any], new: Mapping[str, Any], ignored: Collection[str] = ()
) -> list[Change]:
    """Return what differs between two sets of inputs, in order of name."""
    names = sorted(_named(old) | _named(new))
    return [
        Change(name, _how(name, old, new), name in table.replaces)
        for name in names
        if old.get(name) != new.get(name) and name not in ignored
    ]


def _how(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Literal["add", "delete", "update"]:
    return "add" if name not in old else "delete" if name not in new else "update"


def _named(inputs: Mapping[str, Any]) -> set[str]:
    # A state that the official provider wrote holds `__defaults`, marks of its own.
    return {name for name, value in inputs.items() if not name.startswith("__") and value is not None}


def _refused_keys(name: str, value: Any, known: frozenset[str]) -> Iterator[tuple[str, str]]:
    if value == UNKNOWN:
        return
    for one in value if isinstance(value, list) else [value]:
        for key in sorted(_named(one) - known if isinstance(one, dict) else ()):
            yield name, f"the embedded Docker provider has no `{key}` in `{name}`; {OFFICIAL}"
