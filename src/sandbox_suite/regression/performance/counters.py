"""Cumulative counters, read before and after the suites ran: what was used between. Pure, and full of distrust.

The numbers were read inside of containers, where a plugin could have had a hand in them.
"""

import math
from collections.abc import Mapping
from typing import Any

from sandbox_suite.regression.performance.figures import SLOW_MS, Queries

MOST = 20_000  # kinds of statements


def cpu_seconds(counted: Mapping[str, Any], part: str) -> float | None:
    """Return the processor seconds of a part between the two readings; None where one is missing."""
    before, after = (
        _number(_object(_object(counted.get(when)).get(part)).get("cpu_us")) for when in ("before", "after")
    )
    return None if before is None or after is None or after < before else round((after - before) / 1e6, 6)


def queries(counted: Mapping[str, Any]) -> Queries | None:
    """Return what the plugin's statements came to between the two readings; None where one is missing."""
    before, after = (_object(counted.get(when)).get("statements") for when in ("before", "after"))
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return None
    calls, total, slow = 0, 0.0, 0
    for name, told in list(after.items())[:MOST]:
        now, was = _statement(told), _statement(before.get(name))
        more = now[0] - was[0]
        if more > 0:
            calls, total = calls + int(more), total + max(0.0, now[1] - was[1])
            slow += now[2] >= SLOW_MS
    return Queries(calls, total, slow)


def _statement(told: Any) -> tuple[float, float, float]:
    """Return (calls, milliseconds in all, of the longest call)."""
    numbers = [_number(item) or 0.0 for item in told[:3]] if isinstance(told, list) else []
    calls, total, longest = [*numbers, 0.0, 0.0, 0.0][:3]
    return calls, total, longest


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1e15
    return float(value) if usable and math.isfinite(value) else None


# What is run inside a part, by its shell alone: both layouts of control groups, each file after its name.
FILES = ("cpu.stat", "cpuacct/cpuacct.usage", "memory.current", "memory/memory.usage_in_bytes")
SCRIPT = (
    f"for file in {' '.join(FILES)}; do path=/sys/fs/cgroup/$file; [ -r $path ] || continue; "
    'echo "= $file"; while read -r line; do echo "$line"; done <$path; done'
)
# The plugin's statements, no value of any: "role/statement" -> [calls, milliseconds in all, of the longest call].
STATEMENTS = """
SELECT coalesce(json_object_agg(name, numbers), '{}') FROM (
  SELECT s.userid || '/' || s.queryid || '/' || s.toplevel AS name,
    json_build_array(s.calls, round(s.total_exec_time::numeric, 3), round(s.max_exec_time::numeric, 3)) AS numbers
  FROM pg_stat_statements AS s JOIN pg_roles AS r ON r.oid = s.userid JOIN pg_database AS d ON d.oid = s.dbid
  WHERE d.datname = current_database() AND r.rolname <> 'postgres' LIMIT 20000) AS told
"""


def reading(printed: str) -> dict[str, int]:
    """Return the counters that SCRIPT printed: `cpu_us` since the container's start, `memory_bytes` now."""
    files: dict[str, list[str]] = {}
    for line in printed.splitlines()[:200]:
        if line.startswith("= "):
            files[line[2:]] = []
        elif files:
            next(reversed(files.values())).append(line)
    found = {
        "cpu_us": _first_number(files, ("cpu.stat", "cpuacct/cpuacct.usage"), {"cpuacct/cpuacct.usage": 1000}),
        "memory_bytes": _first_number(files, ("memory.current", "memory/memory.usage_in_bytes"), {}),
    }
    return {name: value for name, value in found.items() if value is not None}


def _first_number(files: Mapping[str, list[str]], names: tuple[str, ...], divided: Mapping[str, int]) -> int | None:
    for name in names:
        for line in files.get(name, ()):
            number = line.removeprefix("usage_usec ").strip()
            if number.isdecimal() and len(number) < 20:
                return int(number) // divided.get(name, 1)
    return None


def sample(at: float, last: Mapping[str, Any], now: Mapping[str, Any], seconds: float) -> dict[str, float] | None:
    """Return a look at a part, `at` seconds after the start: cores used over the last `seconds`, bytes of memory."""
    cpu, before, memory = now.get("cpu_us"), last.get("cpu_us"), now.get("memory_bytes")
    if cpu is None or before is None or memory is None or seconds <= 0:
        return None
    return {"at": round(at, 3), "cpu": round(max(0.0, (cpu - before) / 1e6 / seconds), 3), "memory_bytes": memory}
