"""JSON in a column: each of its fields is looked at as a column of its own."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

import polars as pl

from sandbox_suite.datasets.detection.counting import Look
from sandbox_suite.datasets.detection.evidence import Evidence

MOST = 0.9
READ = 1000  # documents that are read
DEEP = 6  # levels
USUAL = 0.05  # share of documents that a key must be in to be shown: a rarer one may be a value itself
PLAIN = re.compile(r"[A-Za-z_][A-Za-z_\-]{0,39}")


def is_json(look: Look) -> bool:
    """Say whether a column holds JSON objects or lists."""
    return look.share(pl.col("text").str.contains(r"^(?:\{.*\}|\[.*\])$|^(?s:\{.*\}|\[.*\])$")) > MOST


def fields(look: Look) -> Iterator[tuple[str, Look]]:
    """Yield the fields of the documents and what they hold; rare and odd keys are shown as `*`."""
    found: dict[tuple[str, ...], list[str]] = {}
    documents = [item for item in map(_read, look.distinct.to_list()[:READ]) if item is not None]
    for document in documents:
        for path, value in _leaves(document, ()):
            found.setdefault(path, []).append(value)
    grouped: dict[tuple[str, ...], list[str]] = {}
    for path, values in found.items():
        usual = len(values) >= USUAL * len(documents)
        shown = tuple(key if (usual and PLAIN.fullmatch(key)) or key == "[]" else "*" for key in path)
        grouped.setdefault(shown, []).extend(values)
    for shown, values in sorted(grouped.items()):
        field = Look()
        field.add(pl.Series(values, dtype=pl.String))
        yield ".".join(shown), field


def moved(evidence: Evidence, path: str, look: Look, field: Look) -> Evidence:
    """Return what speaks for a field as what speaks for its column."""
    rule = f"field `{path}`: {evidence.rule}"
    per = look.values / max(1, min(len(look.distinct), READ))
    hits = min(look.values, round(evidence.hits * per))
    return dataclasses.replace(evidence, rule=rule, hits=hits, of=look.values, inside=True)


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if len(path) > DEEP:
        return
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _leaves(part, (*path, str(key)))
    elif isinstance(value, list):
        for part in value[:50]:
            yield from _leaves(part, (*path, "[]"))
    elif isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        yield path, str(value)
