"""Takes composed values apart, JSON documents by path and templates by part, raw and masked beside each other.

Each path and part becomes a column of a table of its own, so that every check of columns looks at it too.
"""

import datetime
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from sandbox_suite.datasets.gate import oracle_ranges
from sandbox_suite.datasets.gate.case import Parts, Rule, Table

Steps = tuple[str | None, ...]  # keys; None for any element
Found = dict[tuple[Any, ...], tuple[str, Any]]  # {place: (path, value)}
STEP = re.compile(r"""\.([^.\[\]]+)|\[\*\]|\["([^"]+)"\]|\['([^']+)'\]""")
PIECE = re.compile(r"\{(\w+)\}")
COLUMNS = ("locale", "country", "person")  # options that name a column
MISSING = object()


def parts(tables: Mapping[str, Table]) -> Parts:
    """Return the parts of all composed values."""
    made: list[Table] = []
    wrong: list[tuple[Table, str, str, list[int]]] = []
    for table in tables.values():
        if table.raw.height != table.masked.height:
            continue
        for column, take_apart in ((column, _KINDS[table.rules[column].kind]) for column in table.masks(*_KINDS)):
            found, faults = take_apart(table, column)
            made += found
            wrong += [(table, column, message, rows) for message, rows in faults.items()]
    return Parts(tuple(made), tuple(wrong))


Apart = tuple[list[Table], dict[str, list[int]]]


def _template(table: Table, column: str) -> Apart:
    options = table.rules[column].options
    raw = _groups(table.raw[column], options, {name: part["match"] for name, part in options["parts"].items()})
    shapes = {name: oracle_ranges.inside(part["rule"], part["match"]) for name, part in options["parts"].items()}
    masked = _groups(table.masked[column], options, shapes)
    shown = table.masked[column].is_not_null() & (table.masked[column] != "")
    first = next(iter(options["parts"]))
    lost = shown & (masked[first].is_null() | raw[first].is_null())
    rows = (shown & ~lost).arg_true().to_list()
    made = [
        _part(table, f"{column}.{name}", rows, part["rule"], raw[name].gather(rows), masked[name].gather(rows))
        for name, part in options["parts"].items()
    ]
    return made, {"is no text of the template": lost.arg_true().to_list()} if lost.any() else {}


def _groups(values: pl.Series, options: Mapping[str, Any], shapes: Mapping[str, str]) -> pl.DataFrame:
    pieces = PIECE.split(options["text"])
    regex = "".join(
        f"(?P<{piece}>{shapes[piece]})" if place % 2 else re.escape(piece) for place, piece in enumerate(pieces)
    )
    return values.str.extract_groups(f"^(?:{regex})$").struct.unnest()


def _json(table: Table, column: str) -> Apart:
    options = table.rules[column].options
    rules = {_steps(path): path for path in options["paths"]}
    leaves: dict[str, list[tuple[int, Any, Any]]] = {path: [] for path in options["paths"]}
    wrong: dict[str, list[int]] = {}
    for row, (raw, masked) in enumerate(zip(table.raw[column], table.masked[column], strict=True)):
        if masked is None or masked == raw == "":
            continue
        said = _document(raw, masked, rules, options, row, leaves)
        if said:
            wrong.setdefault(said, []).append(row)
    made = [
        _part(
            table,
            f"{column}.{path}",
            [row for row, _, _ in found],
            options["paths"][path],
            *_columns(path, found, options),
        )
        for path, found in leaves.items()
        if options["paths"][path].get("mask") != "drop"
    ]
    return made, wrong


def _document(
    raw: Any,
    masked: str,
    rules: Mapping[Steps, str],
    options: Mapping[str, Any],
    row: int,
    leaves: dict[str, list[tuple[int, Any, Any]]],
) -> str:
    """Sort the leaves of one row's documents; return what is wrong with the masked one, or nothing."""
    try:
        before, after = _read(raw), _read(masked)
    except (ValueError, RecursionError, TypeError):
        return "is no JSON document"
    found, denied = _leaves(before, rules)
    left, unnamed = _leaves(after, rules)
    if unnamed:
        return "has a place that no path names"
    if denied and options["on_unknown"] != "drop":
        return "should have been blocked: the original has a place that no path names"
    if left.keys() - found.keys():
        return "has a place that the original lacks"
    for place, (path, value) in found.items():
        rule, now = options["paths"][path], left.get(place, ("", MISSING))[1]
        if rule.get("mask") == "drop" and now not in (MISSING, None):
            return "has a place that the policy drops"
        dropped = (now is MISSING or now is None) and value is not None and rule.get("on_unknown") == "drop"
        if not dropped:
            leaves[path].append((row, value, None if now is MISSING else now))
    return ""


def _read(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_single, parse_constant=_refused)


def _single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _refused(_: str) -> Any:
    raise ValueError("no number")


def _steps(path: str) -> Steps:
    found = list(STEP.finditer(path, 1))
    if "".join(["$", *(step[0] for step in found)]) != path:
        raise ValueError("a path that cannot be read")
    return tuple(step[1] or step[2] or step[3] for step in found)


def _leaves(document: Any, rules: Mapping[Steps, str]) -> tuple[Found, bool]:
    """Return {place: (path, value)} of what paths name, and whether there is anything else."""
    found: Found = {}
    denied = False
    ahead = {(*steps[:length], steps[length] is None) for steps in rules for length in range(len(steps))}
    todo: list[tuple[Any, Steps, tuple[Any, ...]]] = [(document, (), ())]
    while todo:
        value, steps, place = todo.pop()
        if steps in rules:
            found[place] = (rules[steps], value)
        elif isinstance(value, dict) and (*steps, False) in ahead:
            todo += [(item, (*steps, key), (*place, key)) for key, item in value.items()]
        elif isinstance(value, list) and (*steps, True) in ahead:
            todo += [(item, (*steps, None), (*place, number)) for number, item in enumerate(value)]
        elif value is not None or (steps and not _leads(steps, rules)):
            denied = True
    return found, denied


def _leads(steps: Steps, rules: Mapping[Steps, str]) -> bool:
    return any(other[: len(steps)] == steps for other in rules)


def _columns(path: str, found: Sequence[tuple[int, Any, Any]], options: Mapping[str, Any]) -> Iterator[pl.Series]:
    """Give the raw and the masked values of a path as columns of one type."""
    date = options["paths"][path].get("mask") == "date"
    sides = [[_value(leaf[side], date) for leaf in found] for side in (1, 2)]
    kinds = {type(value) for values in sides for value in values if value is not None}
    known = {str: pl.String, int: pl.Int64, bool: pl.Boolean, float: pl.Float64, datetime.date: pl.Date}
    one = known.get(next(iter(kinds), str)) if len(kinds) < 2 else None
    for values in sides:
        texts = [value if one is not None or value is None else json.dumps(value) for value in values]
        yield pl.Series(texts, dtype=one or pl.String)


def _value(value: Any, date: bool) -> Any:
    return datetime.date.fromisoformat(value) if date and value is not None else value


def _part(
    table: Table, name: str, rows: list[int], said: Mapping[str, Any], raw: pl.Series, masked: pl.Series
) -> Table:
    """Return a table of one part: its raw and masked values, and the columns beside them that its rule needs."""
    own = f"{table.name}."
    options = {key: value.removeprefix(own) if key in COLUMNS else value for key, value in said.items()}
    rule = Rule("keep", said["keep"]) if "keep" in said else Rule(said["mask"], options)
    beside = [options[option] for option in COLUMNS if option in options and "." not in options[option]]
    lent = dict.fromkeys([*table.primary_key, *table.foreign_keys, *beside])
    originals = table.raw.select([column for column in lent if column in table.raw.columns])[rows]
    keys = table.masked.select([key for key in table.primary_key if key in table.masked.columns])[rows]
    return Table(
        table.name,
        table.primary_key,
        table.foreign_keys,
        {name: rule},
        originals.with_columns(raw.alias(name)),
        keys.with_columns(masked.alias(name)),
    )


_KINDS = {"json": _json, "template": _template}
