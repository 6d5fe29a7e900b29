"""Baselines of an installation: accepted for a reason, of jobs that differ in nothing but chance, and audited."""

import random
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sandbox_suite.audit import log
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import read_json, write_json
from sandbox_suite.jobs import baselines
from sandbox_suite.regression.performance import baseline as stored
from tests.unit import reports_job
from tests.unit.reports_job import line
from tests.unit.test_reports_step import SCHEMA

HOST = {"architecture": "x86_64", "processors": 2, "memory": "23.5 GiB", "model": "Xeon"}
MACHINE = "x86-64-2-processors-24-gib-xeon"


def ran(home: Path, job: str, factor: float = 1.0, host: Any = HOST, cpu: int = 500_000, **plan: Any) -> dict[str, Any]:
    """Make a job of forty cases, report it, and return what report.json holds."""
    chance = random.Random(job)
    cases = [line(f"c{at}", seconds=(at + 1) * factor * chance.lognormvariate(0, 0.05) / 1000) for at in range(40)]
    folder = reports_job.make(home, cases, job, **plan)
    write_json(folder / "artifacts" / "inventory.json", {"host": host, "parts": {}})
    write_json(
        folder / "counters.json",
        {
            "before": {"plugin": {"cpu_us": 1_000_000}, "statements": {}},
            "after": {"plugin": {"cpu_us": 1_000_000 + cpu}, "statements": {"1/2/t": [40, 80.0, 5.0]}},
            "samples": {"plugin": [{"at": 0.5, "cpu": 0.4, "memory_bytes": 9}] * 2},
        },
    )
    return told(home, job)


def told(home: Path, job: str) -> dict[str, Any]:
    reports_job.run(home, job)
    report: dict[str, Any] = read_json(reports_job.settings_of(home).job(job) / "report" / "report.json")
    jsonschema.validate(report, SCHEMA)
    return report


def accept(home: Path, job: str, reason: str = "a good day") -> stored.Baseline:
    return baselines.accept(home, job, reason, "tester", lambda: reports_job.BEGIN)[0]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An installation with eight jobs that differ in nothing but chance."""
    for number in range(8):
        ran(tmp_path, f"jaaaaaaaaaaa0{number}")
    return tmp_path


def test_a_slower_job_is_advised_of_and_its_verdict_stays(home: Path) -> None:
    accept(home, "jaaaaaaaaaaa07")
    report = ran(home, "jbbbbbbbbbbbbb", factor=1.4, cpu=900_000)
    assert report["verdict"] == "passed"
    performance = report["performance"]
    assert performance["advice"] == "worse"
    assert performance["machine"] == MACHINE
    assert any(reason.startswith("latency over 40 cases") for reason in performance["reasons"])
    assert any(reason.startswith("CPU of the plugin is 0.9, against 0.5") for reason in performance["reasons"])
    assert report["baseline"]["latency"]["p50_ms"] > 0
    page = (reports_job.settings_of(home).job("jbbbbbbbbbbbbb") / "report" / "report.html").read_text()
    assert all(words in page for words in ("a good day", "Cases that slowed down most", "advice and no verdict"))
    assert (
        "Performance, advice only: worse"
        in (reports_job.settings_of(home).job("jbbbbbbbbbbbbb") / "report" / "summary.md").read_text()
    )


def test_a_job_like_the_others_is_as_before(home: Path) -> None:
    accept(home, "jaaaaaaaaaaa07")
    assert ran(home, "jbbbbbbbbbbbbb")["performance"]["advice"] == "as before"


def test_accepting_is_recorded_with_its_reason(home: Path) -> None:
    made = accept(home, "jaaaaaaaaaaa07", "release 1.2")
    assert len(made.runs) == 8
    record = log.read(home / "baselines" / "audit.jsonl")[-1]
    assert (record.action, record.reason, record.actor) == ("baseline.accept", "release 1.2", "tester")
    assert log.verify(home / "baselines" / "audit.jsonl").intact
    assert [one.accepted.reason for one in stored.all_of(home)] == ["release 1.2"]


def test_only_runs_of_the_same_plugin_dataset_and_machine_belong_together(home: Path) -> None:
    other = {"id": "com.example.desk", "version": "1.3.0", "digest": "sha256:" + "0" * 64, "signer": "qa"}
    ran(home, "jccccccccccccc", plugin=other)
    ran(home, "jdddddddddddddd"[:14], host={**HOST, "processors": 8})
    made = accept(home, "jccccccccccccc")
    assert [run.job for run in made.runs] == ["jccccccccccccc"]
    assert ran(home, "jeeeeeeeeeeeee", host={**HOST, "processors": 8})["performance"]["against"] is None


def test_a_job_without_a_reason_or_that_did_not_pass_is_no_baseline(home: Path) -> None:
    with pytest.raises(RequestError, match="for a reason"):
        accept(home, "jaaaaaaaaaaa07", " ")
    reports_job.make(home, [line("bad", "failed")], "jffffffffffffff"[:14])
    reports_job.run(home, "jffffffffffffff"[:14])
    with pytest.raises(RequestError, match="its verdict is regressed"):
        accept(home, "jffffffffffffff"[:14])
    assert stored.all_of(home) == []


def test_a_report_that_is_told_again_stands_against_what_it_stood_against(home: Path) -> None:
    accept(home, "jaaaaaaaaaaa07", "first")
    ran(home, "jbbbbbbbbbbbbb", factor=1.4)
    accept(home, "jbbbbbbbbbbbbb", "second")
    again = told(home, "jbbbbbbbbbbbbb")["performance"]
    assert (again["against"]["accepted"]["reason"], again["advice"]) == ("first", "worse")


def test_a_job_is_never_held_against_itself(home: Path) -> None:
    accept(home, "jaaaaaaaaaaa07")
    assert told(home, "jaaaaaaaaaaa03")["performance"]["against"]["runs"] == 7


def test_cpu_and_statements_are_those_of_the_suites_and_looks_make_a_chart(home: Path) -> None:
    report = told(home, "jaaaaaaaaaaa03")
    figures = {item["name"]: item["value"] for item in report["performance"]["figures"]}
    assert (figures["plugin_cpu_s"], figures["queries"], figures["query_ms"]) == (0.5, 40, 80)
    plugin = next(item for item in report["resources"] if item["part"] == "plugin")
    assert (plugin["regression_cpu_seconds"], len(plugin["samples"])) == (0.5, 2)


def test_absolute_thresholds_of_resources_are_verdicts(home: Path) -> None:
    report = ran(home, "jbbbbbbbbbbbbb", thresholds={"plugin_cpu_s": 0.4, "database_cpu_s": 1.0})
    assert report["verdict"] == "incomplete"
    assert report["reasons"] == [
        "a threshold is asked for what was not measured: database_cpu_s",
        "plugin_cpu_s is 0.5, above 0.4",
    ]
