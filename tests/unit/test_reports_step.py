"""The step `report`: everything is told from the job's folder, whenever that is, and nothing in it is believed."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sandbox_suite.audit import log
from sandbox_suite.audit.record import Draft
from sandbox_suite.core.files import read_json, write_json
from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.reports import cases, inventory, measured, steps
from sandbox_suite.reports.facts import SuiteRun
from tests.unit import reports_job
from tests.unit.reports_job import JOB, line

SCHEMA = read_json(CHECKOUT / "src" / "sandbox_suite" / "reports" / "schema" / "report-1.json")


def told(home: Path, **plan: Any) -> dict[str, Any]:
    made = reports_job.run(home)
    report: dict[str, Any] = read_json(Path(made["report"]["json"]))
    jsonschema.validate(report, SCHEMA)
    return report


def test_report_is_told_from_the_folder_alone_and_again_when_the_sandbox_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_SUITES_CONFIG", str(tmp_path / "edited-since.yaml"))
    reports_job.make(tmp_path, [line("good"), line("bad", "failed", message="no")], critical=["api/bad"])
    first = told(tmp_path)
    assert first["verdict"] == "regressed"
    assert first["plan"]["critical"] == ["api/bad"]
    assert told(tmp_path) == first


def test_thresholds_are_those_the_job_was_admitted_with(tmp_path: Path) -> None:
    reports_job.make(tmp_path, [line("good"), line("bad", "failed")], thresholds={"pass_rate": 0.5})
    report = told(tmp_path)
    assert report["verdict"] == "passed"
    assert {item["name"]: item["required"] for item in report["thresholds"]}["pass_rate"] == 0.5


def test_steps_say_when_they_ran_and_where_they_are_recorded(tmp_path: Path) -> None:
    reports_job.make(tmp_path, [line("good")])
    found = {step["name"]: step for step in told(tmp_path)["steps"]}
    assert list(found) == list(reports_job.STEPS)
    assert [found[name]["started"] for name in ("admit", "dataset", "collect")] == [0, 1, 7]
    assert found["deploy"]["records"] == [5, 5]
    assert found["deploy"]["tasks"] == [{"task": "Start the plugin", "part": "plugin", "seconds": 0.5}]


def test_the_pause_before_a_later_rerun_is_not_shown_as_time_of_the_job() -> None:
    made = [
        ("step.run", "admit", 1),
        ("step.run", "load", 2),
        ("job.rerun", "", 90_000),
        ("step.run", "verify", 90_002),
    ]
    records = [
        log.sealed(Draft("j", "t", "a", action, step, "ok", step=step, attempt=1), log.Head(), _at(second))
        for action, step, second in made
    ]
    left = {name: {"timing": {"own": 1.0}} for name in ("admit", "load", "verify")}
    found = steps.told(records, left, ("admit", "load", "verify"))
    assert [(step.name, step.started) for step in found] == [("admit", 0.0), ("load", 1.0), ("verify", 2.0)]
    assert steps.told([], {}, ("admit",)) == []


def _at(second: int) -> str:
    return f"2026-11-{24 + second // 86400}T{second % 86400 // 3600:02}:{second % 3600 // 60:02}:{second % 60:02}Z"


def test_a_failure_is_told_with_the_plugins_own_lines_about_its_requests(tmp_path: Path) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    folder = reports_job.make(
        tmp_path,
        [
            line("bad", "failed", response="500 Oops\nX-Request-Id: e312fa1b-a099\n\n{}"),
            line("traced", "error", request=f"GET /\ntraceparent: 00-{trace}-00f067aa0ba902b7-01"),
            line("good", response="200 OK\nX-Request-Id: 11111111-good"),
        ],
    )
    (folder / "artifacts" / "logs" / "plugin.log").write_text(
        f'noise\n{{"id": "e312fa1b-a099", "said": "divide by zero"}}\ntrace {trace} ended\n11111111-good\n\xff'
    )
    logs = {case["name"]: case["plugin_log"] for case in told(tmp_path)["cases"]}
    assert logs["bad"] == ['{"id": "e312fa1b-a099", "said": "divide by zero"}']
    assert logs["traced"] == [f"trace {trace} ended"]
    assert logs["good"] == []


def test_cases_know_their_place_unless_they_ran_side_by_side(tmp_path: Path) -> None:
    reports_job.make(tmp_path, [line("a"), line("b"), line("c", "failed")])
    found = told(tmp_path)["cases"]
    assert [(case["number"], case["of"], case["begins"]) for case in found] == [(1, 3, 0), (2, 3, 0.01), (3, 3, 0.02)]
    from sandbox_suite.regression.results import Case

    beside = cases.places([Case("s", "x", "passed", seconds=5), Case("s", "y", "passed", seconds=5)],
                          [SuiteRun("s", 0, 6.0)])  # fmt: skip
    assert [place.begins for place in beside.values()] == [None, None]


def test_the_environment_is_compared_with_what_was_found_later(tmp_path: Path) -> None:
    folder = reports_job.make(tmp_path, [line("good")])
    assert {fact["same"] for fact in told(tmp_path)["inventory"]} == {None}, "nobody has looked"
    inspected = {
        "Id": "pluginpluginpluginpluginplugin", "Image": "sha256:" + "0" * 64, "RestartCount": 2,
        "State": {"Status": "running", "OOMKilled": True},
        "Config": {"Image": "sandbox-suite/plugin:1", "User": "plugin"},
        "HostConfig": {"NanoCpus": 10**9, "Memory": 512 << 20, "PidsLimit": 100, "ReadonlyRootfs": True},
        "NetworkSettings": {"Networks": {f"sbx-{JOB}": {}}},
    }  # fmt: skip
    write_json(
        folder / "artifacts" / "inventory.json",
        {"host": {"processors": 2}, "parts": {"plugin": inventory.found(inspected)}},
    )
    report = told(tmp_path)
    changed = {fact["name"]: (fact["before"], fact["after"]) for fact in report["inventory"] if fact["same"] is False}
    assert changed == {"restarts": ("0", "2"), "killed for memory": ("no", "yes")}
    assert report["environment"]["host"] == {"processors": 2}


@pytest.mark.parametrize(
    "forged",
    [b"", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"cpu_us": "<b>", "memory_bytes": true, "samples": {"at": 1}}',
     b'{"cpu_us": -1, "memory_bytes": 1e400, "processes": null, "samples": [1, null, {"at": "x"}]}',
     b'{"suites": [{"name": 1}, {"rc": 0}, null], "database": {"statements": [null, {"calls": "many"}]}}'],
)  # fmt: skip
def test_what_a_part_forged_is_no_figure_and_breaks_nothing(tmp_path: Path, forged: bytes) -> None:
    folder = reports_job.make(tmp_path, [line("good")])
    for name in ("metrics/plugin.json", "metrics/database.json", "results/run.json"):
        (folder / "artifacts" / name).write_bytes(forged)
    (folder / "baseline.json").write_bytes(forged)
    report = told(tmp_path)
    plugin = next(item for item in report["resources"] if item["part"] == "plugin")
    assert plugin["cpu_seconds"] is plugin["memory_bytes"] is None
    assert report["verdict"] == "passed"


def test_statements_of_the_sandbox_itself_are_left_out(tmp_path: Path) -> None:
    own, ours = ({"role": role, "query": "SELECT 1", "calls": 1, "total_ms": 5} for role in ("plugin_desk", "postgres"))
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "database.json").write_text(json.dumps({"database": {"statements": [ours, own]}}))
    assert [item.role for item in measured.statements(tmp_path)] == ["plugin_desk"]


def test_what_is_worth_knowing_of_a_suite_is_told(tmp_path: Path) -> None:
    suite = {"name": "api", "language": "python", "run": ["x"], "cases": ["good"], "folder": "suites/api"}
    reports_job.make(tmp_path, [line("good"), line("more")], suites=[suite])
    report = told(tmp_path)
    assert report["notes"] == ["suite api: cases that suite.yaml does not declare: more"]
    folder = tmp_path / "jobs" / JOB / "report"
    assert all(report["notes"][0] in (folder / name).read_text() for name in ("report.html", "summary.md"))
