"""Paths into a JSON document: `$.contact.email`, `$.phones[*].number`, `$["odd key"]`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

STEP = re.compile(r"""\.(?P<name>[^\W][\w-]*)|\[(?P<every>\*)\]|\[(?P<quote>["'])(?P<key>[^"'\\]+)(?P=quote)\]""")


@dataclass
class Node:
    """A place: `path` where a rule is named, else the places below it."""

    path: str = ""
    keys: dict[str, Node] = field(default_factory=dict)
    element: Node | None = None


def steps(path: str) -> list[str | None]:
    """Return the keys of a path, None for every element of a list; ValueError says what is wrong with it."""
    found: list[str | None] = []
    place = 1
    while path[:1] == "$" and place < len(path):
        step = STEP.match(path, place)
        if step is None:
            break
        found.append(None if step["every"] else step["name"] or step["key"])
        place = step.end()
    if place != len(path) or not found:
        raise ValueError(f'`{path}` is no path: write it as `$.key.key`, `$.list[*]`, `$["odd key"]`')
    return found


def tree(paths: Iterable[str]) -> Node:
    """Return the paths as a tree."""
    root = Node()
    for path in paths:
        node = root
        for step in steps(path):
            if step is None:
                node.element = node.element or Node()
                node = node.element
            else:
                node = node.keys.setdefault(step, Node())
        node.path = path
    return root


def mistakes(paths: Iterable[str]) -> Iterator[str]:
    """Yield what is wrong with paths: one that cannot be read, one inside another, two for one place."""
    known: dict[tuple[str | None, ...], str] = {}
    for path in paths:
        try:
            own = tuple(steps(path))
        except ValueError as error:
            yield str(error)
            continue
        for other, name in known.items():
            length = min(len(own), len(other))
            if own[:length] == other[:length]:
                yield f"`{path}` and `{name}` speak of one place"
        known[own] = path
