"""What a CI page is told: why, what, and nothing that a script could turn into a command or a secret."""

import re
from pathlib import Path
from typing import Any

import pytest

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import read_json
from sandbox_suite.reports import ci
from sandbox_suite.tasks import ci as told
from tests.unit import reports_job
from tests.unit.reports_job import line

COMMAND = re.compile(r"::(error|warning|notice) title=[^:,\n\r]*::[^\n\r]*")
SECRET = "".join(("pass", "word=hunter2hunter2"))


def ran(home: Path, *cases: dict[str, Any], **plan: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Report a job; return its report, and as much of the run's object as CI is told."""
    reports_job.make(home, cases, **plan)
    made = reports_job.run(home)
    return read_json(Path(made["report"]["json"])), {"report": made["report"], "error": None}


def github(folder: Path) -> dict[str, str]:
    return {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(folder / "summary")}


def test_every_annotation_is_one_command_whatever_scripts_say(tmp_path: Path) -> None:
    report, _ = ran(
        tmp_path,
        line("a,b:c", "failed", message=f"no\r\n::stop-commands::x\n::error::forged 100% {SECRET}"),
        line("shaky", "failed", attempt=1), line("shaky", attempt=2),
        line("fine"),
    )  # fmt: skip
    lines = ci.annotations(report)
    assert all(COMMAND.fullmatch(one) for one in lines), lines
    assert not any("hunter2" in one for one in lines)
    assert [one.partition(" ")[0] for one in lines] == ["::error", "::error", "::warning", "::notice"]
    assert "%0A::stop-commands" in lines[1]
    assert "title=failed%3A api/a%2Cb%3Ac::" in lines[1]


def test_a_passed_run_has_a_notice_and_no_error(tmp_path: Path) -> None:
    report, _ = ran(tmp_path, line("fine"))
    assert [one.partition(" ")[0] for one in ci.annotations(report)] == ["::notice"]


def test_what_would_vanish_is_counted(tmp_path: Path) -> None:
    report, _ = ran(tmp_path, *(line(f"bad-{at}", "failed") for at in range(30)))
    errors = [one for one in ci.annotations(report) if one.startswith("::error")]
    assert len(errors) == ci.MOST
    assert errors[-1].endswith("::and 22 more, in the report")


def test_the_summary_is_appended_and_never_grows_over_what_is_shown(tmp_path: Path) -> None:
    _, run = ran(tmp_path, line("fine"))
    environment = github(tmp_path)
    target = tmp_path / "summary"
    target.write_text("before\n")
    told.told(run, environment)
    assert target.read_text().startswith("before\n## ✅ Passed: plan `smoke`")
    for _ in range(3):
        target.write_bytes(b"x" * (ci.SUMMARY_BYTES - 300))
        told.told(run, environment)
        assert target.stat().st_size <= ci.SUMMARY_BYTES
        assert target.read_text().endswith(ci.CUT)


def test_outside_of_ci_nothing_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, run = ran(tmp_path, line("bad", "failed"))
    told.told(run, {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary")})
    told.failed(RequestError("no"), {})
    assert capsys.readouterr() == ("", "")
    assert not (tmp_path / "summary").exists()


def test_annotations_leave_stdout_to_the_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, run = ran(tmp_path, line("bad", "failed"))
    told.told(run, github(tmp_path))
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "::error title=failed%3A api/bad::" in printed.err


def test_a_refused_request_is_an_error_with_its_hint(capsys: pytest.CaptureFixture[str]) -> None:
    told.failed(RequestError("unknown plan `x`", remedy="known plans: smoke"), {"GITHUB_ACTIONS": "true"})
    assert capsys.readouterr().err == "::error title=Sandbox::unknown plan `x`%0Ahint: known plans: smoke\n"


def test_a_summary_that_cannot_be_written_fails_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, run = ran(tmp_path, line("fine"))
    told.told(run, {**github(tmp_path), "GITHUB_STEP_SUMMARY": str(tmp_path)})
    assert "could not be written" in capsys.readouterr().err
