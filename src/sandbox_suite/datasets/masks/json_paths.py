"""JSON: a document in a text column, masked by path; a place that no path names is denied.

`$.contact.email` names a key in a key, `$.phones[*]` every element of a list. A key that no path leads to is unknown,
whatever it holds, for a key can be somebody's name. What is unknown blocks, or is taken out (in a list NULL stands in
its place, so that the others stay where they were). A document is written compactly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import KINDS, inner, paths
from sandbox_suite.datasets.masks.coded import UnknownValuesError

Place = tuple[int, Any, Any]  # row, container, key or index
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # half a letter alone is no Unicode
WHOLE = "$"  # under which a document stands, so that it can be taken out whole


def vector(values: pl.Series, inputs: Mapping[str, pl.Series], keys: Keys, options: Mapping[str, Any]) -> pl.Series:
    """Return the masked column."""
    drop, tree = options["on_unknown"] == "drop", paths.tree(options["paths"])
    texts = values.to_list()
    roots = [_root(text) for text in texts]
    unknown = [row for row, text in enumerate(texts) if text and not roots[row]]
    found: dict[str, list[Place]] = {path: [] for path in options["paths"]}
    for row, root in enumerate(roots):
        if root:
            denied = list(_visit(root, WHOLE, tree, row, found))
            unknown += [row] * bool(denied)
            _take_out(denied)
    for path, places in found.items():
        unknown += _mask(options["paths"][path], path, places, inputs, keys)
    if unknown and not drop:
        raise UnknownValuesError(sorted(set(unknown)))
    written = [
        _written(root[WHOLE]) if root else ("" if text == "" else None) for text, root in zip(texts, roots, strict=True)
    ]
    return pl.Series(values.name, written, dtype=pl.String)


def _mask(
    rule: Mapping[str, Any], path: str, places: list[Place], inputs: Mapping[str, pl.Series], keys: Keys
) -> list[int]:
    """Mask one path in all documents, in place; return the rows where its rule does not understand a value."""
    if rule.get("mask") == "drop":
        _take_out(places)
        return []
    rows = [row for row, _, _ in places]
    beside = {name: column.gather(rows) for name, column in inner.inputs_of(path, inputs).items()}
    masked = inner.values(rule, [container[key] for _, container, key in places], beside, keys)
    lost = []
    for place, value in zip(places, masked, strict=True):
        if value is inner.UNKNOWN:
            lost.append(place)
        else:
            place[1][place[2]] = value
    _take_out(lost)
    return [row for row, _, _ in lost] if rule.get("on_unknown") != "drop" else []


def _visit(container: Any, key: Any, node: paths.Node, row: int, found: dict[str, list[Place]]) -> Iterator[Place]:
    """Sort the places of a document into `found`; yield those that no path names."""
    value = container[key]
    if node.path:
        found[node.path].append((row, container, key))
    elif isinstance(value, dict) and node.keys:
        for name in list(value):
            child = node.keys.get(name)
            if child is None:
                yield row, value, name
            else:
                yield from _visit(value, name, child, row, found)
    elif isinstance(value, list) and node.element:
        for place in range(len(value)):
            yield from _visit(value, place, node.element, row, found)
    elif value is not None:
        yield row, container, key


def _take_out(places: list[Place]) -> None:
    for _, container, key in places:
        if isinstance(container, dict):
            del container[key]
        else:
            container[key] = None


def scalar(value: str, inputs: Mapping[str, Any], keys: Keys, options: Mapping[str, Any]) -> str | None:
    """Return one masked document."""
    if value == "":
        return value
    root = _root(value)
    if not root:
        _unknown(options)
        return None
    masked = _scalar(root[WHOLE], paths.tree(options["paths"]), inputs, keys, options)
    return None if masked is inner.UNKNOWN else _written(masked)


def _scalar(value: Any, node: paths.Node, inputs: Mapping[str, Any], keys: Keys, options: Mapping[str, Any]) -> Any:
    """Return the masked value of one place; UNKNOWN where it goes out."""
    if node.path:
        rule = options["paths"][node.path]
        if rule.get("mask") == "drop":
            return inner.UNKNOWN
        masked = inner.value(rule, value, inner.inputs_of(node.path, inputs), keys)
        return masked if masked is not inner.UNKNOWN else _unknown(rule)
    if isinstance(value, dict) and node.keys:
        out = {}
        for name, item in value.items():
            child = node.keys.get(name)
            masked = _unknown(options) if child is None else _scalar(item, child, inputs, keys, options)
            if masked is not inner.UNKNOWN:
                out[name] = masked
        return out
    if isinstance(value, list) and node.element:
        masked_items = [_scalar(item, node.element, inputs, keys, options) for item in value]
        return [None if item is inner.UNKNOWN else item for item in masked_items]
    return None if value is None else _unknown(options)


def _unknown(rule: Mapping[str, Any]) -> Any:
    if rule.get("on_unknown") != "drop":
        raise UnknownValuesError([0])
    return inner.UNKNOWN


def _root(text: str | None) -> dict[str, Any]:
    """Return a document under WHOLE; nothing where there is none, or none that can be read."""
    if not text:
        return {}
    try:
        document = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite)
        if SURROGATE.search(text):
            json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return {}
    return {WHOLE: document}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice: readers differ in which of the two they see."""
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError
    return read


def _no_number(_: str) -> Any:
    raise ValueError


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError
    return number


def _written(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def codomain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the codomain of every path."""
    return {"paths": {path: codomain_of(rule) for path, rule in options["paths"].items()}}


def codomain_of(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return the codomain of a part by its canonical rule."""
    if "keep" in rule:
        return {"keep": rule["keep"]}
    found: dict[str, Any] = KINDS[rule["mask"]].module().codomain(rule)
    return found
