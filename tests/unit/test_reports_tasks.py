"""report.show and report.open: what a person reads of a report that is there, and of one that is not."""

from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.settings import load
from sandbox_suite.reports import rendering
from sandbox_suite.tasks import report as tasks
from tests.unit.test_reports_rendering import report


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for job in ("j8f3k2m9q0abc4", "j8f3k2m9q0abc5"):
        rendering.render(report(), tmp_path / "jobs" / job / "report")
    used = load(tmp_path / "none.yaml", {"SANDBOX_HOME": str(tmp_path)})
    monkeypatch.setattr(tasks, "settings", lambda: used)
    return tmp_path


def test_show_tells_verdict_reasons_and_what_did_not_pass(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tasks.show(Context(), job="j8f3k2m9q0abc4")
    said = capsys.readouterr().out
    for part in ("incomplete: com.example.desk 1.2.0", "verification: S-02", "1 flaky", "error   api/broken: boom"):
        assert part in said


def test_show_as_json_is_the_file_itself(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tasks.show(Context(), job="j8f3k2m9q0abc4", json=True)
    import json

    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert shown["schema"] == "sandbox-suite/report/1"


@pytest.mark.parametrize(("job", "said"), [("j8f3", "2 reports begin with it"), ("../x", "no report has it")])
def test_job_that_names_no_single_report_is_refused(home: Path, job: str, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        tasks.show(Context(), job=job)


def test_open_says_where_the_file_is_when_there_is_no_browser(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import webbrowser

    def none() -> None:
        raise webbrowser.Error

    monkeypatch.setattr(webbrowser, "get", none)
    tasks.open_(Context(), job="j8f3k2m9q0abc5")
    said = capsys.readouterr()
    assert said.out.strip() == str(home / "jobs" / "j8f3k2m9q0abc5" / "report" / "report.html")
    assert "no browser here" in said.err
