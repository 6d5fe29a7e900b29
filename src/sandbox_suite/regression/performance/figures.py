"""The figures that performance is told in, and how each is reckoned from what was read before and after a run. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sandbox_suite.regression.results import Results, percentile

MIB = 1 << 20
SLOW_MS = 100.0  # a statement that once took as long counts as slow


@dataclass(frozen=True)
class Figure:
    """A figure: its name in plans and reports, its words, and whether more of it is better.

    Its unit is the end of its name: `_ms`, `_s`, `_mib`, `_rps` (per second); else a plain count.
    """

    name: str
    title: str
    relative: str  # the threshold that holds it against a baseline, as a share
    more_is_better: bool = False


FIGURES = (
    Figure("api_p50_ms", "median latency (p50)", "api_p50_rise"),
    Figure("api_p95_ms", "latency p95", "api_p95_rise"),
    Figure("api_p99_ms", "latency p99", "api_p99_rise"),
    Figure("throughput_rps", "cases per second", "throughput_fall", more_is_better=True),
    Figure("plugin_cpu_s", "CPU of the plugin", "plugin_cpu_rise"),
    Figure("plugin_memory_mib", "memory of the plugin", "plugin_memory_rise"),
    Figure("database_cpu_s", "CPU of the database", "database_cpu_rise"),
    Figure("database_memory_mib", "memory of the database", "database_memory_rise"),
    Figure("queries", "statements", "queries_rise"),
    Figure("query_ms", "time in statements", "query_time_rise"),
    Figure("slow_queries", f"kinds of statements over {SLOW_MS:g} ms", "slow_queries_rise"),
)
PERCENTILES = {"api_p50_ms": 0.50, "api_p95_ms": 0.95, "api_p99_ms": 0.99}
BY_NAME = {figure.name: figure for figure in FIGURES}
PARTS = ("plugin", "database")


@dataclass(frozen=True)
class Used:
    """What a part used while the suites ran: processor seconds; and the peak of its memory in bytes."""

    cpu_seconds: float | None = None
    memory_peak_bytes: float | None = None


@dataclass(frozen=True)
class Queries:
    """What the plugin's statements came to while the suites ran. Milliseconds."""

    calls: int
    total_ms: float
    slow: int  # kinds of statements of which one took SLOW_MS or longer


def measure(
    results: Results, suite_seconds: Sequence[float], used: Mapping[str, Used], queries: Queries | None
) -> dict[str, float | None]:
    """Return every figure of a run; None where nothing was measured.

    `suite_seconds` are those of the scripts, which run side by side: the longest is the time in which all cases ran.
    """
    times = results.milliseconds()
    longest = max(suite_seconds, default=0.0)
    found: dict[str, float | None] = {name: percentile(times, share) for name, share in PERCENTILES.items()}
    found["throughput_rps"] = round(len(times) / longest, 2) if longest and times else None
    for part in PARTS:
        own = used.get(part, Used())
        peak = own.memory_peak_bytes
        found[f"{part}_cpu_s"] = own.cpu_seconds
        found[f"{part}_memory_mib"] = None if peak is None else round(peak / MIB, 1)
    found["queries"] = None if queries is None else float(queries.calls)
    found["query_ms"] = None if queries is None else round(queries.total_ms, 3)
    found["slow_queries"] = None if queries is None else float(queries.slow)
    return found
