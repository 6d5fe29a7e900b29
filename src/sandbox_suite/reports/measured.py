"""What the parts of a sandbox measured of themselves, read with distrust: a suite or a plugin could have written it."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox_suite.core.errors import RequestError
from sandbox_suite.regression.performance import baseline as performance
from sandbox_suite.regression.performance import counters, figures
from sandbox_suite.reports.facts import Baseline, Resource, Sample, Statement, SuiteRun

LARGEST = 4 << 20  # bytes of one of these files
MOST = 500  # suites, samples
STATEMENTS = 10
MIB = 1 << 20


def suites(artifacts: Path) -> tuple[SuiteRun, ...]:
    """Return how each suite's script ended, as the run noted it."""
    found = _list(_object(artifacts / "results" / "run.json").get("suites"))
    return tuple(
        SuiteRun(str(item["name"])[:100], _whole(item.get("rc")), _number(item.get("seconds")))
        for item in found[:MOST]
        if isinstance(item, Mapping) and isinstance(item.get("name"), str)
    )


def counted(folder: Path) -> Mapping[str, Any]:
    """Return the counters before and after the suites ran, as the step `regress` left them in the job's folder."""
    return _object(folder / "counters.json")


def resources(
    artifacts: Path, limits: Mapping[str, Mapping[str, Any]], counts: Mapping[str, Any] | None = None
) -> tuple[Resource, ...]:
    """Return what each part of `limits` (the plan's) used; a part that left no metrics has no figures."""
    return tuple(
        _resource(part, _object(artifacts / "metrics" / f"{part}.json"), limit, counts or {})
        for part, limit in limits.items()
    )


def used(found: Sequence[Resource]) -> dict[str, figures.Used]:
    """Return what each part used while the suites ran."""
    return {item.part: figures.Used(item.regression_cpu_seconds, item.memory_peak_bytes) for item in found}


def _resource(part: str, metrics: Mapping[str, Any], limit: Mapping[str, Any], counts: Mapping[str, Any]) -> Resource:
    cpu, memory_mb = _number(metrics.get("cpu_us")), _number(limit.get("memory_mb"))
    looks = counts.get("samples")
    seen = looks.get(part) if isinstance(looks, Mapping) else None
    samples = [_sample(item) for item in _list(metrics.get("samples") or seen)[:MOST]]
    return Resource(
        part=part,
        cpu_seconds=None if cpu is None else round(cpu / 1e6, 6),
        memory_bytes=_whole(metrics.get("memory_bytes")),
        memory_peak_bytes=_whole(metrics.get("memory_peak_bytes")),
        memory_limit_bytes=None if memory_mb is None else round(memory_mb * MIB),
        processes=_whole(metrics.get("processes")),
        samples=tuple(sample for sample in samples if sample),
        regression_cpu_seconds=counters.cpu_seconds(counts, part),
    )


def _sample(item: Any) -> Sample | None:
    at, cpu, memory = (
        (_number(item.get(name)) for name in ("at", "cpu", "memory_bytes")) if isinstance(item, Mapping) else [None] * 3
    )
    return None if at is None or cpu is None or memory is None else Sample(at, cpu, int(memory))


def database(artifacts: Path) -> Mapping[str, Any]:
    """Return what was measured inside the database; an empty mapping where nothing was."""
    told = _object(artifacts / "metrics" / "database.json").get("database")
    return told if isinstance(told, Mapping) else {}


def statements(artifacts: Path) -> tuple[Statement, ...]:
    """Return the plugin's statements that took longest in all; those of the sandbox's own checks are left out."""
    listed = _list(database(artifacts).get("statements"))
    found = [
        Statement(
            str(item.get("role"))[:63],
            str(item.get("query"))[:1000],
            *(_whole(item.get(name)) or 0 for name in ("calls", "rows")),
            *(_number(item.get(name)) or 0.0 for name in ("total_ms", "mean_ms", "max_ms")),
        )
        for item in listed[:MOST]
        if isinstance(item, Mapping) and item.get("role") != "postgres"
    ]
    return tuple(sorted(found, key=lambda item: -item.total_ms)[:STATEMENTS])


def stored(file: Path) -> performance.Baseline | None:
    """Return the accepted runs that a job was held against, as its folder has them; None where it has none."""
    held = _object(file)
    try:
        return performance.Baseline.from_dict(held) if "schema" in held else None
    except RequestError:
        return None


def baseline(file: Path) -> Baseline | None:
    """Return the baseline that a job was compared with (`name`, `latency`, `resources`); None where there is none."""
    held = _object(file)
    if not isinstance(held.get("name"), str):
        return None
    parts = held.get("resources")
    return Baseline(
        held["name"],
        _numbers(held.get("latency")),
        {str(part): _numbers(of) for part, of in parts.items()} if isinstance(parts, Mapping) else {},
    )


def _object(file: Path) -> Mapping[str, Any]:
    """Return the JSON object in a file; an empty one where there is none."""
    try:
        with file.open("rb") as opened:
            content = json.loads(opened.read(LARGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, Mapping) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def _numbers(value: Any) -> dict[str, float]:
    found = {str(name): _number(item) for name, item in value.items()} if isinstance(value, Mapping) else {}
    return {name: item for name, item in found.items() if item is not None}


def _number(value: Any) -> float | None:
    """Return a number from 0 that can be drawn; None for everything else."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1e15
    return float(value) if usable and math.isfinite(value) else None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)
