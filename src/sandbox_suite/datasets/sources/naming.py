"""What names tell of keys: which columns may be a primary key, and where a foreign key may lead. Pure rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sandbox_suite.datasets.sources.model import Column

KEY_TYPES = ("int8", "int16", "int32", "int64", "string")
IRREGULAR = {"people": "person", "children": "child", "men": "man", "women": "woman"}
KEY_ENDS = ("_id", "_key", "_code", "_no", "_nr", "_number", "_uuid", "_guid")


def singular(name: str) -> str:
    """Return a table's name as one row of it would be called: customers -> customer, categories -> category."""
    head, under, last = name.rpartition("_")
    if last in IRREGULAR:
        return head + under + IRREGULAR[last]
    if name.endswith("ies"):
        return name[:-3] + "y"
    if name.endswith(("ses", "xes", "ches", "shes")):
        return name[:-2]
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name


def likely_keys(table: str, columns: Mapping[str, Column]) -> list[str]:
    """Return the columns that may be a table's key, the likeliest first: named like one, or the first column."""
    ranked = []
    for place, (name, column) in enumerate(columns.items()):
        rank = _rank(table, name, place)
        if rank is not None and column.type in KEY_TYPES:
            ranked.append((rank, place, name))
    return [name for _, _, name in sorted(ranked)]


def _rank(table: str, column: str, place: int) -> int | None:
    if column in ("id", "uuid", "guid"):
        return 0
    if column in (f"{singular(table)}_id", f"{table}_id", f"{singular(table)}id"):
        return 1
    if column.endswith(KEY_ENDS):
        return 2
    return 3 if place == 0 else None


def aims(table: str, column: str, keys: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Yield (table, its key) that `column` of `table` may refer to by its name, the longest name first.

    `keys` are the primary keys of all tables. customer_id and billing_customer_id refer to customers, whose key is
    `id` or `customer_id`; a table's own key refers to another table only where it carries that one's name.
    """
    for other in sorted(keys, key=lambda name: (-len(name), name)):
        if len(keys[other]) != 1 or (other == table and column in keys[table]):
            continue
        theirs, stem = keys[other][0], singular(other)
        names = {stem, f"{stem}_{theirs}", f"{stem}{theirs}", f"{stem}_id"}
        if theirs != "id" and (column not in keys[table] or len(keys[table]) > 1):
            names.add(theirs)
        if any(column == name or column.endswith(f"_{name}") for name in names):
            yield other, theirs


def circles(leads: Mapping[str, set[str]]) -> list[list[str]]:
    """Return circles in {table: tables it leads to}, each as its tables with the first again at the end."""
    found: list[list[str]] = []
    done: set[str] = set()
    for start in leads:
        if start not in done:
            _walk(start, leads, [], done, found)
    return found


def _walk(name: str, leads: Mapping[str, set[str]], way: list[str], done: set[str], found: list[list[str]]) -> None:
    if name in way:
        found.append([*way[way.index(name) :], name])
        return
    if name in done:
        return
    for other in sorted(leads.get(name, ())):
        _walk(other, leads, [*way, name], done, found)
    done.add(name)
