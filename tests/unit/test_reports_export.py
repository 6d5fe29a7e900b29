"""report.export: whole, verified, without secrets, refused where something was changed."""

import json
import zipfile
from pathlib import Path

import pytest
from invoke.context import Context

from sandbox_suite.audit import log
from sandbox_suite.audit.record import Head
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import file_digest
from sandbox_suite.reports import export, hiding
from sandbox_suite.tasks import report_compare as tasks
from tests.unit import reports_job
from tests.unit.reports_job import JOB, line, settings_of

HIDE = hiding.redactor(None)


@pytest.fixture
def job(tmp_path: Path) -> Path:
    folder = reports_job.make(tmp_path, [line("good"), line("bad", "failed", message="no")])
    for name in ("vars/deploy.json", "stack/state/secret.json", "notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    (folder / "logs" / "deploy.log").write_text("".join(["pass", "word: ", "hunter", "2"]) + "\n")
    reports_job.run(tmp_path)
    return folder


@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_export_holds_what_tells_the_story_and_nothing_else(job: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    export.export(job, out, HIDE)
    if name.endswith(".zip"):
        zipfile.ZipFile(out).extractall(tmp_path / "out")
        out = tmp_path / "out"
    held = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert {"report/report.html", "audit.jsonl", "logs/deploy.log", "artifacts/results/api.jsonl", "plan.json",
            "manifest.json", "steps/deploy.json"} <= held  # fmt: skip
    assert not {one for one in held if one.startswith(("vars", "stack", "request", "notes"))}
    assert "hunter" not in (out / "logs" / "deploy.log").read_text()
    listed = json.loads((out / "manifest.json").read_text())["files"]
    assert {one: of["sha256"] for one, of in listed.items()} == {
        one: file_digest(out / one) for one in held - {"manifest.json"}
    }
    noted = json.loads((out / "report" / "report.json").read_text())["audit"]
    assert log.verify(out / "audit.jsonl", Head(noted["records"], noted["head"])).intact


@pytest.mark.parametrize("name", ["report/report.html", "report/report.json", "audit.jsonl"])
def test_what_was_changed_since_is_not_exported(job: Path, tmp_path: Path, name: str) -> None:
    text = (job / name).read_text()
    (job / name).write_text(text.replace("acme", "acne"))
    with pytest.raises(RequestError, match="changed"):
        export.export(job, tmp_path / "out.zip", HIDE)
    assert not (tmp_path / "out.zip").exists()


def test_a_file_that_is_missing_or_an_audit_log_cut_short_is_named(job: Path, tmp_path: Path) -> None:
    lines = (job / "audit.jsonl").read_text().splitlines(keepends=True)
    (job / "audit.jsonl").write_text("".join(lines[:-1]))
    (job / "report" / "junit.xml").unlink()
    with pytest.raises(RequestError, match=r"(?s)junit\.xml: is missing.*cut off"):
        export.export(job, tmp_path / "out.zip", HIDE)


def test_a_manifest_that_leads_out_of_its_folder_is_refused(job: Path, tmp_path: Path) -> None:
    (job / "report" / "manifest.json").write_text('{"files": {"../../x": {"sha256": "y"}}}')
    with pytest.raises(RequestError, match="leads out"):
        export.export(job, tmp_path / "out.zip", HIDE)


def test_an_export_never_overwrites_a_folder(job: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine").write_text("mine")
    with pytest.raises(RequestError, match="not empty"):
        export.export(job, tmp_path / "there", HIDE)
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["mine"]


def test_links_that_lead_out_of_the_job_are_not_followed(job: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("outside")
    (job / "artifacts" / "logs" / "link.log").symlink_to(tmp_path / "outside")
    files, _ = export.export(job, tmp_path / "out.zip", HIDE)
    assert "artifacts/logs/link.log" not in files


def test_task_says_what_was_written(
    job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tasks, "settings", lambda: settings_of(tmp_path))
    tasks.export(Context(), job="j8f3", out=str(tmp_path / "a.zip"))
    assert "verified" in capsys.readouterr().out
    tasks.export(Context(), job=JOB, out=str(tmp_path / "b.zip"), json=True)
    assert json.loads(capsys.readouterr().out)["job"] == JOB
