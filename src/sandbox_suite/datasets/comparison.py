"""Two versions of a dataset side by side: schema, rows, distributions. No value of a masked or unlabelled column."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox_suite.datasets import profile
from sandbox_suite.datasets.profile import Profile
from sandbox_suite.datasets.sides import Side

SCHEMA = "sandbox-suite/dataset-diff/1"
TABLE_FACTS = ("rows", "primary_key", "foreign_keys", "order")
CONTENT = ("content_digest", "content")  # of an attested table, of a raw one: the same rows have the same
DIGEST = 19  # characters shown of a digest
COLUMN_FACTS = ("type", "nullable", "rule")  # beside what its profile tells

Table = Mapping[str, Any]  # a table's part of a manifest
Profiles = dict[str, dict[str, tuple[Profile | None, Profile | None]]]  # {table: {column: (left, right)}}


@dataclass(frozen=True)
class Difference:
    """One thing that differs. `place` is a table or `table.column`; None where a side has nothing."""

    place: str
    what: str
    left: Any
    right: Any

    def as_dict(self) -> dict[str, Any]:
        """Return the difference as JSON."""
        return {"place": self.place, "what": self.what, "left": self.left, "right": self.right}


@dataclass(frozen=True)
class Comparison:
    """Both sides, every difference, and the profiles of the columns of tables that differ."""

    left: Side
    right: Side
    differences: list[Difference]
    profiles: Profiles

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON."""
        return {
            "schema": SCHEMA,
            "left": self.left.as_dict(),
            "right": self.right.as_dict(),
            "same": not self.differences,
            "differences": [item.as_dict() for item in self.differences],
            "profiles": {
                table: {column: {"left": pair[0], "right": pair[1]} for column, pair in columns.items()}
                for table, columns in self.profiles.items()
            },
        }


def compare(left: Side, right: Side) -> Comparison:
    """Compare two versions; rows are read only of tables whose files differ."""
    before, after = left.manifest["tables"], right.manifest["tables"]
    names = list(dict.fromkeys([*before, *after]))
    profiles = {name: _profiles(left, right, name) for name in names if not _same(before.get(name), after.get(name))}
    found = [item for name in names for item in _table(before.get(name), after.get(name), name)]
    found += [item for name, columns in profiles.items() for item in _values(columns, name)]
    return Comparison(left, right, found, profiles)


def _same(before: Table | None, after: Table | None) -> bool:
    return before is not None and after is not None and before["file_digest"] == after["file_digest"]


def _profiles(left: Side, right: Side, name: str) -> dict[str, tuple[Profile | None, Profile | None]]:
    one, other = _profile(left, name), _profile(right, name)
    return {column: (one.get(column), other.get(column)) for column in dict.fromkeys([*one, *other])}


def _profile(side: Side, name: str) -> dict[str, Profile]:
    spec, rules = side.manifest["tables"].get(name), side.rules.get(name, {})
    if spec is None:
        return {}
    columns = {column: rules.get(column, {}) for column in spec["order"]}
    return profile.table(side.table(name), columns, proved=side.state != "raw")


def _table(before: Table | None, after: Table | None, name: str) -> Iterator[Difference]:
    if before is None or after is None:
        yield Difference(name, "table", _presence(before), _presence(after))
        return
    yield from _facts(before, after, name, TABLE_FACTS)
    kinds = [next((kind for kind in CONTENT if kind in table), "file_digest") for table in (before, after)]
    if kinds[0] == kinds[1] and before[kinds[0]] != after[kinds[0]]:
        yield Difference(name, "content", before[kinds[0]][:DIGEST], after[kinds[0]][:DIGEST])
    for column in dict.fromkeys([*before["columns"], *after["columns"]]):
        one, other = before["columns"].get(column), after["columns"].get(column)
        if one is None or other is None:
            yield Difference(f"{name}.{column}", "column", _kind(one), _kind(other))
        else:
            yield from _facts(one, other, f"{name}.{column}", COLUMN_FACTS)


def _facts(before: Table, after: Table, place: str, names: tuple[str, ...]) -> Iterator[Difference]:
    for fact in names:
        if fact in before and fact in after and before[fact] != after[fact]:
            yield Difference(place, fact.replace("_", " "), before[fact], after[fact])


def _values(columns: Mapping[str, tuple[Profile | None, Profile | None]], name: str) -> Iterator[Difference]:
    """Yield where the profiles differ, of what both sides may show."""
    for column, (one, other) in columns.items():
        if one is None or other is None:
            continue
        facts = [fact for fact in one if fact != "outside" and fact in other and one[fact] != other[fact]]
        yield from (Difference(f"{name}.{column}", fact, one[fact], other[fact]) for fact in facts)
        if one.get("outside", 0) != other.get("outside", 0):
            yield Difference(f"{name}.{column}", "outside", one.get("outside", 0), other.get("outside", 0))


def _presence(table: Table | None) -> str | None:
    return None if table is None else f"{table['rows']} rows"


def _kind(column: Table | None) -> str | None:
    return None if column is None else str(column["type"])
