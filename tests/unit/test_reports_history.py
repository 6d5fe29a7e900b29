"""report.trend: the last jobs of a plan, with or without a report, and the cases that do not hold still."""

import json
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import write_json
from sandbox_suite.reports import history, trend_page
from sandbox_suite.tasks import report_compare as tasks
from tests.unit import reports_job
from tests.unit.reports_job import line, settings_of
from tests.unit.test_reports_rendering import Outline


def job(home: Path, name: str, *results: dict[str, Any], plugin: str = "3f") -> None:
    plan = {"id": "com.example.desk", "version": "1.2.0", "digest": "sha256:" + plugin * 32, "signer": "qa"}
    reports_job.make(home, results, name, plugin=plan)
    reports_job.run(home, name)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    job(tmp_path, "j1", line("steady"), line("shaky"), line("fixed", "failed"))
    job(tmp_path, "j2", line("steady"), line("shaky", "failed"), line("fixed", "failed"))
    job(tmp_path, "j3", line("steady"), line("shaky"), line("fixed"), plugin="4e")
    job(tmp_path, "j4", line("steady"), line("shaky", "failed", attempt=1), line("shaky", attempt=2), plugin="5d")
    blocked = tmp_path / "jobs" / "j5"
    write_json(blocked / "request.json", {"job": "j5", "plan": "smoke"})
    write_json(blocked / "steps" / "dataset.json", {"outcome": "failed", "attempt": 1, "exit_code": 3})
    write_json(tmp_path / "jobs" / "j6" / "request.json", {"job": "j6", "plan": "smoke"})  # has just begun
    write_json(tmp_path / "jobs" / "j7" / "request.json", {"job": "j7", "plan": "another"})
    (tmp_path / "jobs" / "j8").mkdir()
    (tmp_path / "jobs" / "j8" / "request.json").write_text("{")
    return tmp_path


def test_jobs_that_ended_are_told_oldest_first_whether_they_have_a_report_or_not(home: Path) -> None:
    found = history.trend(home, "smoke", 20)
    assert [(one.job, one.verdict) for one in found.jobs] == [
        ("j1", "regressed"), ("j2", "regressed"), ("j3", "passed"), ("j4", "passed"), ("j5", "blocked"),
    ]  # fmt: skip
    assert [one.job for one in history.trend(home, "smoke", 2).jobs] == ["j4", "j5"]


def test_a_case_that_a_new_plugin_fixed_is_steady_one_that_moves_on_the_same_is_not(home: Path) -> None:
    found = history.trend(home, "smoke", 20).unsteady
    assert [(one.id, one.runs, one.passed, one.flaky, one.failed) for one in found] == [("api/shaky", 4, 2, 1, 1)]


def test_page_stands_alone_and_draws_every_figure(home: Path) -> None:
    outline = Outline(trend_page.html(history.trend(home, "smoke", 20)))
    assert not [tag for tag, at in outline.found if tag in ("link", "script") or "src" in at]
    assert len(list(outline.all("svg"))) == 3
    assert all("scope" in cell for cell in outline.all("th"))


def test_damaged_reports_are_told_as_jobs_without_a_verdict(home: Path) -> None:
    (home / "jobs" / "j3" / "report" / "report.json").write_text("{")
    assert {one.job: one.verdict for one in history.trend(home, "smoke", 20).jobs}["j3"] == "none"


def test_task_prints_a_table_json_and_a_page(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tasks, "settings", lambda: settings_of(home))
    tasks.trend(Context(), plan="smoke", html=str(home / "trend.html"))
    said = capsys.readouterr().out
    assert "j5" in said
    assert "api/shaky" in said
    tasks.trend(Context(), plan="smoke", json=True)
    assert json.loads(capsys.readouterr().out)["schema"] == "sandbox-suite/trend/1"
    assert "Unsteady cases" in (home / "trend.html").read_text()
    with pytest.raises(RequestError, match="no job of plan"):
        tasks.trend(Context(), plan="unknown")
    with pytest.raises(RequestError, match="cannot be told"):
        tasks.trend(Context(), plan="smoke", last=0)
