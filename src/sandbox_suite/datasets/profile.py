"""A table's profile: counts for every column, and more only where the rule says that values may be seen.

A column whose rule is `keep` shows quantiles (numbers, dates, times) or the shares of its enum. A masked or unlabelled
column shows counts, never a value. In raw rows nobody has proved that a kept column holds what its rule promises, so
only what lies inside its enum or range is shown, and how much does not.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

QUANTILES = {"q25": 0.25, "median": 0.5, "q75": 0.75}

Profile = dict[str, Any]  # nulls, distinct; min, q25, median, q75, max; shares {member: 0..1}; outside: values


def table(parquet: Path, columns: Mapping[str, Mapping[str, Any]], proved: bool) -> dict[str, Profile]:
    """Return {column: Profile}. `columns` maps each to its rule (canonical, or empty); `proved`: a gate signed them."""
    import polars as pl

    return {
        name: _column(pl.read_parquet(parquet, columns=[name])[name], rule.get("keep"), proved)
        for name, rule in columns.items()
    }


def _column(values: "pl.Series", keep: Mapping[str, Any] | None, proved: bool) -> Profile:
    whole = values.drop_nulls()
    found: Profile = {"nulls": len(values) - len(whole), "distinct": whole.n_unique()}
    if keep is None:
        return found
    if "enum" in keep or str(values.dtype) == "Boolean":
        return found | _shares(whole, keep.get("enum", [True, False]))
    if "range" in keep:
        return found | _ranged(whole, keep["range"])
    return found | (_quantiles(whole) if proved else {})


def _shares(values: "pl.Series", members: list[Any]) -> Profile:
    """Return the share of each member of an enum that occurs, the largest first."""
    counted = dict(values.value_counts().iter_rows()) if len(values) else {}
    known = {_shown(member): counted.get(member, 0) for member in members}
    order = sorted((member for member in known if known[member]), key=lambda member: (-known[member], member))
    outside = len(values) - sum(known.values())
    shares = {member: round(known[member] / len(values), 6) for member in order}
    return {"shares": shares} | ({"outside": outside} if outside else {})


def _ranged(values: "pl.Series", bounds: list[Any]) -> Profile:
    low, high = (_bound(bound, values) for bound in bounds)
    if low is None or high is None:
        return {}
    inside = values.filter(values.is_between(low, high))
    outside = len(values) - len(inside)
    return _quantiles(inside) | ({"outside": outside} if outside else {})


def _bound(bound: Any, values: "pl.Series") -> Any:
    """Return a bound of a range as the column's type has it; None where it has no such value."""
    import datetime

    import polars as pl

    if isinstance(bound, str):
        bound = datetime.datetime.fromisoformat(bound)
    try:
        return pl.Series([bound]).cast(values.dtype)[0]
    except pl.exceptions.PolarsError:
        return None


def _quantiles(values: "pl.Series") -> Profile:
    if not (values.dtype.is_numeric() or values.dtype.is_temporal()):
        return {}
    if values.dtype.is_float():
        values = values.filter(values.is_finite())
    if not len(values):
        return {}
    ordered = values.sort()
    at = {name: ordered[round(share * (len(ordered) - 1))] for name, share in QUANTILES.items()}
    return {name: _shown(value) for name, value in {"min": ordered[0], **at, "max": ordered[-1]}.items()}


def _shown(value: Any) -> Any:
    """Return a value as JSON has it; the members of an enum as text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
