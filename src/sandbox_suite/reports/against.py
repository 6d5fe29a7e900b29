"""What a job is held against, as the report shows it; and a report as a run that later ones are held against. Pure."""

import statistics
from collections.abc import Mapping
from typing import Any

from sandbox_suite.regression.performance.baseline import Baseline, Run
from sandbox_suite.regression.performance.figures import MIB, PARTS
from sandbox_suite.reports import facts

LATENCY = {"p50_ms": "api_p50_ms", "p95_ms": "api_p95_ms", "p99_ms": "api_p99_ms"}


def shown(baseline: Baseline) -> facts.Baseline:
    """Return the medians of a baseline's runs, as the report's charts draw them."""
    medians = {name: statistics.median(values) for name in _names(baseline) if (values := baseline.figures(name))}
    resources = {}
    for part in PARTS:
        cpu, memory = medians.get(f"{part}_cpu_s"), medians.get(f"{part}_memory_mib")
        own = {"regression_cpu_seconds": cpu, "memory_peak_bytes": None if memory is None else memory * MIB}
        resources[part] = {name: value for name, value in own.items() if value is not None}
    latency = {name: medians[figure] for name, figure in LATENCY.items() if figure in medians}
    return facts.Baseline(baseline.name, latency, resources)


def _names(baseline: Baseline) -> set[str]:
    return {name for run in baseline.runs for name in run.figures}


def run(report: Mapping[str, Any]) -> Run:
    """Return what a report measured, as a baseline keeps it."""
    performance = report.get("performance") or {"figures": []}
    return Run(
        job=report["job"],
        created_at=report["created_at"],
        cases={
            case["id"]: round(case["seconds"] * 1000, 4)
            for case in report["cases"]
            if case["outcome"] == "passed" and not case["flaky"] and case["seconds"] > 0
        },
        figures={item["name"]: item["value"] for item in performance["figures"] if item["value"] is not None},
    )
