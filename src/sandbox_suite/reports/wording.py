"""Figures as people read them: the filters of the templates, and the words of the Markdown summary."""

from typing import Any

NAMES = {
    "pass_rate": "pass rate",
    "critical_coverage": "critical coverage",
    "api_p50_ms": "median latency (p50)",
    "api_p95_ms": "latency p95",
    "api_p99_ms": "latency p99",
}
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
    """Return a threshold's value in its unit."""
    return milliseconds(value) if name.endswith("_ms") else percent(value)


def bound(name: str) -> str:
    """Say which way a threshold holds."""
    return "at most" if name.endswith("_ms") else "at least"


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
