"""Secrets that a plugin stores (S-10), judged from what `collect` counted in the database: never a value. Pure."""

import math
from collections.abc import Mapping
from typing import Any

from sandbox_suite.reports.checklist import NAMED, Proof

MOST = 200  # columns


def proof(database: Mapping[str, Any]) -> Proof:
    """Return what the columns of the plugin's schema that are named like secrets say.

    Of each, `collect` counted rows, those whose form only a cipher or a slow hash has (`sealed`), and those that are
    plainly text (`plain`). A long random value has no form of its own: only a case can tell a token from a cipher.
    """
    told = database.get("secrets")
    if not isinstance(told, list):
        return Proof("S-10", "database", "not checked", "the plugin's schema was not looked at")
    columns = [_column(item) for item in told[:MOST] if isinstance(item, Mapping)]
    held = [column for column in columns if column[1]]
    if not held:
        said = f"{len(columns)} columns are named like secrets, and hold none" if columns else (
            "no column of the plugin's schema is named like a secret"
        )  # fmt: skip
        return Proof("S-10", "database", "not applicable", said)
    plain = [f"{name} ({count} of {rows} rows)" for name, rows, _, count in held if count]
    if plain:
        return Proof("S-10", "database", "failed", f"plain text in {_listed(plain)}")
    unclear = [name for name, rows, sealed, _ in held if sealed < rows]
    if unclear:
        return Proof("S-10", "database", "not checked", f"whether {_listed(unclear)} is encrypted needs a case")
    return Proof("S-10", "database", "proved", f"every value of {_listed([name for name, *_ in held])} is sealed")


def _column(item: Mapping[str, Any]) -> tuple[str, int, int, int]:
    rows, sealed, plain = (_count(item.get(name)) for name in ("rows", "sealed", "plain"))
    return str(item.get("column"))[:200], rows, sealed, plain


def _count(value: Any) -> int:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1e15
    return int(value) if usable and math.isfinite(value) else 0


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
