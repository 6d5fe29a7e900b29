"""report.compare: what makes the second report worse, and what does not."""

import copy
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from sandbox_suite.core.errors import RequestError
from sandbox_suite.reports import reading
from sandbox_suite.reports.comparison import Comparison, compare
from sandbox_suite.tasks import report_compare as tasks
from tests.unit import reports_job
from tests.unit.reports_job import line, settings_of

CASES = [line("steady"), line("broken", "failed"), line("shaky", attempt=1), line("skipped", "skipped")]


@pytest.fixture
def report(tmp_path: Path) -> dict[str, Any]:
    reports_job.make(tmp_path, CASES, critical=["api/steady"], thresholds={"pass_rate": 0.1, "api_p95_ms": 1000})
    made: dict[str, Any] = json.loads(Path(reports_job.run(tmp_path)["report"]["json"]).read_text())
    return made


def changed(report: dict[str, Any], name: str, **values: Any) -> dict[str, Any]:
    other = copy.deepcopy(report)
    next(case for case in other["cases"] if case["name"] == name).update(values)
    return other


def only_reason(found: Comparison) -> str:
    assert found.worse
    assert len(found.reasons) == 1
    return found.reasons[0]


def test_a_report_is_not_worse_than_itself(report: dict[str, Any]) -> None:
    found = compare(report, report)
    assert (found.worse, found.cases, found.slower) == (False, (), ())


def test_a_case_that_fails_now_is_worse_and_one_that_recovered_is_not(report: dict[str, Any]) -> None:
    failing = changed(report, "shaky", outcome="error")
    assert only_reason(compare(report, failing)) == "api/shaky was passed and is error"
    found = compare(failing, report)
    assert not found.worse
    assert [(change.id, change.kind) for change in found.cases] == [("api/shaky", "better")]


def test_flaky_skipped_and_removed_cases_are_told_but_only_critical_ones_are_worse(report: dict[str, Any]) -> None:
    assert not compare(report, changed(report, "shaky", flaky=True)).worse
    assert not compare(report, changed(report, "shaky", outcome="skipped")).worse
    assert "critical" in only_reason(compare(report, changed(report, "steady", outcome="skipped")))
    without = copy.deepcopy(report)
    without["cases"] = [case for case in without["cases"] if case["name"] not in ("steady", "broken")]
    found = compare(report, without)
    assert only_reason(found) == "api/steady (critical) was passed and is gone"
    assert {change.id: change.after for change in found.cases} == {"api/steady": "gone", "api/broken": "gone"}


def test_a_new_case_that_fails_is_worse(report: dict[str, Any]) -> None:
    fewer = copy.deepcopy(report)
    fewer["cases"] = [case for case in fewer["cases"] if case["name"] != "broken"]
    assert only_reason(compare(fewer, report)) == "api/broken was not there and is failed"


def test_thresholds_rows_and_verdicts_that_got_worse_are_reasons(report: dict[str, Any]) -> None:
    other = copy.deepcopy(report)
    next(item for item in other["thresholds"] if item["name"] == "api_p95_ms")["kept"] = False
    next(row for row in other["rows"] if row["row"] == "S-02")["state"] = "failed"
    other["verdict"] = "regressed"
    assert len(compare(report, other).reasons) == 3
    assert not compare(other, report).worse


def test_longer_times_are_told_and_are_no_reason(report: dict[str, Any]) -> None:
    found = compare(report, changed(report, "steady", seconds=30.0))
    assert not found.worse
    assert [(item.name, item.after) for item in found.slower] == [("api/steady", 30_000.0)]


def test_task_ends_with_one_when_the_second_is_worse(
    report: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tasks, "settings", lambda: settings_of(tmp_path))
    worse = tmp_path / "worse.json"
    worse.write_text(json.dumps(changed(report, "steady", outcome="failed", message="no")))
    tasks.compare(Context(), before="j8f3", after=str(tmp_path / "jobs" / reports_job.JOB))
    assert "not worse" in capsys.readouterr().out
    with pytest.raises(Exit) as ended:
        tasks.compare(Context(), before="j8f3", after=str(worse), json=True)
    assert ended.value.code == 1
    assert json.loads(capsys.readouterr().out)["worse"] is True
    with pytest.raises(Exit):
        tasks.compare(Context(), before="j8f3", after=str(worse))
    assert "api/steady (critical) was passed and is failed" in capsys.readouterr().out


def test_an_archive_can_be_compared_too(report: dict[str, Any], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("report/report.json", json.dumps(report))
    assert reading.load(tmp_path, str(tmp_path / "export.zip")) == report


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is no report"), (b"[]", "no report of"), (b'{"schema": "sandbox-suite/run/1"}', "run/1"),
     (b'{"schema": "sandbox-suite/report/1"}', "lacks cases"), (b"[" * 100_000, "is no report")],
)  # fmt: skip
def test_what_is_no_report_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(RequestError, match=said):
        reading.load(tmp_path, str(tmp_path / "x.json"))
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(RequestError, match="no archive"):
        reading.load(tmp_path, str(tmp_path / "x.zip"))
    with pytest.raises(RequestError, match="no report at"):
        reading.load(tmp_path, "nowhere/x.json")
