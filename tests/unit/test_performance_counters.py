"""Counters before and after: differences only, of both layouts of control groups, and nothing is believed."""

from typing import Any

import pytest

from sandbox_suite.regression.performance import counters, figures, machine
from sandbox_suite.regression.results import Case, Results

BEFORE = {"plugin": {"cpu_us": 1_000_000}, "statements": {"10/1/t": [5, 10.0, 4.0], "10/2/t": [1, 400.0, 400.0]}}
AFTER = {
    "plugin": {"cpu_us": 1_250_000},
    "statements": {"10/1/t": [9, 18.5, 6.0], "10/2/t": [1, 400.0, 400.0], "10/3/t": [2, 260.0, 150.0]},
}


def test_cpu_is_what_was_used_between_the_readings() -> None:
    told = {"before": BEFORE, "after": AFTER}
    assert counters.cpu_seconds(told, "plugin") == 0.25
    assert counters.cpu_seconds(told, "database") is None


def test_statements_from_before_the_suites_are_not_counted() -> None:
    found = counters.queries({"before": BEFORE, "after": AFTER})
    assert found == figures.Queries(calls=6, total_ms=pytest.approx(268.5), slow=1)


@pytest.mark.parametrize(
    "forged", [None, [], {"plugin": 1}, {"plugin": {"cpu_us": "9"}}, {"statements": {"a": ["x", None]}},
               {"plugin": {"cpu_us": -5}, "statements": {"a": [1e999]}}],
)  # fmt: skip
def test_forged_counters_are_no_figures(forged: Any) -> None:
    told = {"before": forged, "after": forged}
    assert counters.cpu_seconds(told, "plugin") is None
    assert counters.queries(told) in (None, figures.Queries(0, 0.0, 0))


def test_both_layouts_of_control_groups_are_read() -> None:
    new = "= cpu.stat\nusage_usec 1500\nuser_usec 1000\n= memory.current\n4096\n"
    old = "= cpuacct/cpuacct.usage\n1500999\n= memory/memory.usage_in_bytes\n4096\n"
    assert counters.reading(new) == counters.reading(old) == {"cpu_us": 1500, "memory_bytes": 4096}
    assert counters.reading("") == counters.reading("= cpu.stat\nnonsense\n") == {}


def test_a_look_tells_cores_and_memory() -> None:
    assert counters.sample(2.0, {"cpu_us": 0}, {"cpu_us": 500_000, "memory_bytes": 9}, 1.0) == {
        "at": 2.0, "cpu": 0.5, "memory_bytes": 9,
    }  # fmt: skip
    assert counters.sample(2.0, {}, {"cpu_us": 1}, 1.0) is None


def test_figures_are_reckoned_and_what_nobody_measured_is_none() -> None:
    results = Results(tuple(Case("s", str(at), "passed", seconds=at / 1000) for at in range(1, 101)))
    used = {"plugin": figures.Used(0.5, 64 << 20)}
    found = figures.measure(results, [2.0, 4.0], used, figures.Queries(7, 1.5, 0))
    assert found == {
        "api_p50_ms": 50, "api_p95_ms": 95, "api_p99_ms": 99, "throughput_rps": 25.0, "plugin_cpu_s": 0.5,
        "plugin_memory_mib": 64.0, "database_cpu_s": None, "database_memory_mib": None, "queries": 7.0,
        "query_ms": 1.5, "slow_queries": 0.0,
    }  # fmt: skip
    assert found.keys() == figures.BY_NAME.keys()


def test_machines_of_one_class_are_alike_in_architecture_processors_memory_and_model() -> None:
    host = {"architecture": "x86_64", "processors": 2, "memory": "23.5 GiB", "model": "Xeon(R) @ 2.60GHz"}
    assert machine.of(host) == "x86-64-2-processors-24-gib-xeon-r-2-60ghz"
    assert machine.of({}) == machine.UNKNOWN
