"""Figures as people read them: the filters of the templates, and the words of the Markdown summary."""

from typing import Any

from sandbox_suite.regression.performance.figures import FIGURES
from sandbox_suite.regression.plans import MINIMUMS, SHARES

NAMES = {
    "pass_rate": "pass rate",
    "critical_coverage": "critical coverage",
    **{figure.name: figure.title for figure in FIGURES},
}
UNITS = {"_s": " s", "_mib": " MiB"}
VERDICTS = {
    "passed": "Passed",
    "regressed": "Regressed",
    "incomplete": "Incomplete: no verdict can be trusted",
    "blocked": "Blocked by the masking gate",
}
MIB = 1 << 20


def percent(share: float | None) -> str:
    """Return a share as percent: cut, not rounded, for 0.9996 must not look like all of it."""
    return "–" if share is None else f"{int(share * 1000 + 1e-9) / 10:g} %"


def milliseconds(value: float | None) -> str:
    """Return milliseconds, with the tenth that a quick answer needs."""
    return "–" if value is None else f"{value:,.1f} ms"


def seconds(value: float | None) -> str:
    """Return seconds."""
    return "–" if value is None else f"{value:.2f} s"


def mebibytes(value: float | None) -> str:
    """Return bytes as MiB."""
    return "–" if value is None else f"{value / MIB:,.1f} MiB"


def change(now: float | None, before: float | None) -> str:
    """Return how a figure stands to an earlier one, as `+3.1 %`."""
    return "–" if not before or now is None else f"{100 * (now / before - 1):+.1f} %"


def measure(value: float | None, name: str) -> str:
    """Return the value of a threshold or figure in its unit."""
    if name in SHARES:
        return percent(value)
    if name.endswith("_ms"):
        return milliseconds(value)
    unit = next((unit for ending, unit in UNITS.items() if name.endswith(ending)), "")
    return "–" if value is None else f"{value:,.4g}{unit}" if value < 1e4 else f"{value:,.0f}{unit}"


def bound(name: str) -> str:
    """Say which way a threshold holds."""
    return "at least" if name in MINIMUMS else "at most"


def shown(value: Any) -> str:
    """Show a value of the inventory."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {shown(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(shown(item) for item in value)
    return {None: "–", True: "yes", False: "no"}[value] if value is None or isinstance(value, bool) else str(value)


def counted(count: int, one: str, many: str = "") -> str:
    """Return `1 case`, `2 cases`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
