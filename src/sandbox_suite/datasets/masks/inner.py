"""What a composed mask does to the parts of a value: paths of a JSON document, parts of a template.

A part has a canonical rule of its own, and its inputs stand under `<part>/<input>`.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.masks import KINDS

UNKNOWN = object()  # what a rule does not understand
UUID = re.compile("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
SCALARS = (str, bool, int, float)


def inputs_of(part: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a part by their own names."""
    return {name.removeprefix(f"{part}/"): found for name, found in inputs.items() if name.startswith(f"{part}/")}


def texts(rule: Mapping[str, Any], values: pl.Series, inputs: Mapping[str, pl.Series], keys: Keys) -> pl.Series:
    """Return masked texts; NULL for what the rule does not understand."""
    if "keep" in rule:
        return values
    masked: pl.Series = KINDS[rule["mask"]].module().vector(values, inputs, keys, {**rule, "on_unknown": "drop"})
    return masked


def text(rule: Mapping[str, Any], value: str, inputs: Mapping[str, Any], keys: Keys) -> str | None:
    """Return one masked text."""
    if "keep" in rule:
        return value
    masked: str | None = KINDS[rule["mask"]].module().scalar(value, inputs, keys, {**rule, "on_unknown": "drop"})
    return masked


def values(rule: Mapping[str, Any], found: Sequence[Any], inputs: Mapping[str, pl.Series], keys: Keys) -> list[Any]:
    """Return masked JSON values, UNKNOWN for what the rule does not understand; None stays None."""
    if rule.get("mask") == "null":
        return [None] * len(found)
    read = [_readable(rule, value) for value in found]
    if "keep" in rule:
        return read
    if rule["mask"] == "constant":
        return [value if value is None or value is UNKNOWN else rule["value"] for value in read]
    known = [place for place, value in enumerate(read) if value is not None and value is not UNKNOWN]
    known = [place for place in known if not _personless(rule, inputs, place)]
    chosen = pl.Series([read[place] for place in known], dtype=pl.Date if rule["mask"] == "date" else pl.String)
    beside = {name: column.gather(known) for name, column in inputs.items()}
    masked = KINDS[rule["mask"]].module().vector(chosen, beside, keys, {**rule, "on_unknown": "drop"})
    out = [None if value is None else UNKNOWN for value in read]
    for place, result in zip(known, masked.to_list(), strict=True):
        out[place] = UNKNOWN if result is None else _written(result)
    return out


def value(rule: Mapping[str, Any], found: Any, inputs: Mapping[str, Any], keys: Keys) -> Any:
    """Return one masked JSON value."""
    if rule.get("mask") == "null":
        return None
    read = _readable(rule, found)
    if read is None or read is UNKNOWN or "keep" in rule:
        return read
    if rule["mask"] == "constant":
        return rule["value"]
    if rule["mask"] == "date" and inputs["person"] is None:
        return UNKNOWN
    masked = KINDS[rule["mask"]].module().scalar(read, inputs, keys, {**rule, "on_unknown": "drop"})
    return UNKNOWN if masked is None else _written(masked)


def _personless(rule: Mapping[str, Any], inputs: Mapping[str, pl.Series], place: int) -> bool:
    return rule["mask"] == "date" and inputs["person"][place] is None


def _readable(rule: Mapping[str, Any], found: Any) -> Any:
    """Return a JSON value as the rule's mask takes it."""
    if found is None:
        return None
    if "keep" in rule:
        return found if holds(found, rule["keep"]) else UNKNOWN
    if rule["mask"] == "constant":
        return found if isinstance(found, SCALARS) else UNKNOWN
    if not isinstance(found, str):
        return UNKNOWN
    return _date(found) if rule["mask"] == "date" else found


def _date(found: str) -> Any:
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", found):
        return UNKNOWN
    try:
        return datetime.date.fromisoformat(found)
    except ValueError:
        return UNKNOWN


def _written(masked: Any) -> Any:
    return masked.isoformat() if isinstance(masked, datetime.date) else masked


def holds(found: Any, keep: Mapping[str, Any]) -> bool:
    """Say whether a kept value is inside its constraint; a value of another type is not."""
    if not isinstance(found, SCALARS):
        return False
    checks = []
    if "enum" in keep:
        checks.append(any(type(item) is type(found) and item == found for item in keep["enum"]))
    if "range" in keep:
        checks.append(_between(found, *keep["range"]))
    if "regex" in keep:
        checks.append(isinstance(found, str) and bool(re.fullmatch(keep["regex"], found)))
    if keep.get("type") == "uuid":
        checks.append(isinstance(found, str) and bool(UUID.fullmatch(found)))
    if keep.get("type") == "bool":
        checks.append(isinstance(found, bool))
    if keep.get("type") == "int64":
        checks.append(type(found) is int)
    return bool(checks) and all(checks)


def _between(found: Any, low: Any, high: Any) -> bool:
    """Dates are compared as ISO texts, of the same form as the bounds."""
    if isinstance(found, bool) or isinstance(found, str) != isinstance(low, str):
        return False
    if isinstance(found, str) and (len(found) != len(low) or _date(found[:10]) is UNKNOWN):
        return False
    return bool(low <= found <= high)
