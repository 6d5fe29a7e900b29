"""failure.zip: made only where something failed, bounded, and without a secret however it is spelled."""

import base64
import json
import secrets
import urllib.parse
import zipfile
from pathlib import Path

import pytest

from sandbox_suite.core.files import digest
from sandbox_suite.reports import hiding
from sandbox_suite.reports.archive import Archive
from tests.unit import reports_job
from tests.unit.reports_job import JOB, line


def members(made: dict[str, dict[str, str]]) -> dict[str, bytes]:
    with zipfile.ZipFile(made["report"]["failure"]) as packed:
        assert packed.testzip() is None
        return {name: packed.read(name) for name in packed.namelist()}


def test_nothing_is_packed_where_nothing_failed_and_an_older_archive_goes(tmp_path: Path) -> None:
    folder = reports_job.make(tmp_path, [line("good")])
    old = folder / "report" / "failure.zip"
    old.parent.mkdir()
    old.write_bytes(b"old")
    assert "failure" not in reports_job.run(tmp_path)["report"]
    assert not old.exists()


def test_it_holds_the_report_the_logs_and_the_evidence_of_what_failed_alone(tmp_path: Path) -> None:
    folder = reports_job.make(
        tmp_path, [line("good"), line("bad", "failed", message="why"), line("fine", suite="other")]
    )
    (folder / "artifacts" / "results" / "api-bad.png").write_bytes(b"\x89PNG\0picture")
    (folder / "vars").mkdir()
    (folder / "vars" / "deploy.json").write_text("{}")
    held = members(reports_job.run(tmp_path))
    lines = [json.loads(one) for one in held["artifacts/results/api.jsonl"].splitlines()]
    assert [one["case"] for one in lines] == ["bad"]
    assert not [name for name in held if name.startswith(("artifacts/results/other", "vars", "stack", "request"))]
    assert held["report/report.html"] == (folder / "report" / "report.html").read_bytes()
    assert {"README.txt", "audit.jsonl", "verification.json", "logs/deploy.log", "artifacts/logs/plugin.log",
            "artifacts/results/api-bad.png"} <= held.keys()  # fmt: skip
    listed = json.loads(held["manifest.json"])["files"]
    assert {name: of["sha256"] for name, of in listed.items()} == {
        name: digest(data) for name, data in held.items() if name != "manifest.json"
    }


def test_planted_secrets_are_in_no_file_however_they_are_spelled(tmp_path: Path) -> None:
    password, dsn_part = secrets.token_urlsafe(32), secrets.token_hex(12) + '/+ä"<'
    kept = tmp_path / "runtime" / "jobs" / JOB / "secrets"
    kept.mkdir(parents=True)
    (kept / "plugin_db_password").write_text(password + "\n")
    (kept / "plugin_environment").write_text(json.dumps({"POWERX_DB_DSN": dsn_part, "DESK_COLOUR": "bluish-green"}))
    spelled = [
        form
        for value in (password, dsn_part)
        for form in (
            value, urllib.parse.quote(value), urllib.parse.quote_plus(value), json.dumps(value), value.encode().hex(),
            base64.b64encode(b"user:" + value.encode() + b"!").decode(),
            base64.urlsafe_b64encode(b"ab" + value.encode()).decode(),
        )
    ]  # fmt: skip
    said = " ".join(spelled)
    folder = reports_job.make(
        tmp_path, [line("bad", "failed", message=said, request=said, response=said), line(said[:150], "error")]
    )
    for name in (
        "logs/deploy.log",
        "artifacts/logs/plugin.log",
        "artifacts/results/api.log",
        "artifacts/results/api-x.txt",
    ):
        (folder / name).write_text(f"bluish-green\n{said}\n")
    (folder / "artifacts" / "results" / "api-core.bin").write_bytes(b"\0\0" + password.encode())
    made = reports_job.run(tmp_path)
    held = members(made)
    everything = [*held.values(), *(Path(path).read_bytes() for path in made["report"].values())]
    core = (password.encode(), base64.b64encode(b"user:" + password.encode())[8:-4], password.encode().hex().encode(),
            dsn_part.encode(), dsn_part[:24].encode().hex().encode())  # fmt: skip
    for data in everything:
        assert not [secret for secret in core if secret in data]
    assert b"bluish-green" in held["logs/deploy.log"]
    assert json.loads(held["manifest.json"])["left_out"] == {"artifacts/results/api-core.bin": "holds a secret"}


def test_only_ends_of_long_files_are_packed_and_the_whole_is_bounded(tmp_path: Path) -> None:
    long = tmp_path / "long.log"
    hidden = "".join(["pass", "word=", "hunter", "22"])
    long.write_text(f"first\n{hidden}" * 40 + "\nlast line\n")
    packed = Archive(hiding.redactor(None), most=3_000, largest=100)
    packed.add_file("long.log", long)
    text = packed.files["long.log"].decode()
    assert text.startswith("[the beginning was left out]")
    assert text.endswith("last line\n")
    assert "hunter" not in text
    packed.add("more", b"x" * 3_000)
    assert "larger than" in packed.left_out["more"]


def test_the_same_content_is_the_same_archive(tmp_path: Path) -> None:
    one, other = Archive(str), Archive(str)
    for packed in (one, other):
        packed.add("a.txt", b"a")
    assert one.packed(job="j") == other.packed(job="j")


@pytest.mark.parametrize("value", ["a+b/c d&e=f", "plain-value-0123", 'quo"ted\\<x>'])
def test_every_spelling_is_hidden(tmp_path: Path, value: str) -> None:
    (tmp_path / "token").write_text(value)
    redact = hiding.redactor(tmp_path)
    for spelling in hiding.spellings(value):
        assert value not in redact(f"x{spelling}y")


def test_a_secret_removed_while_it_is_looked_at_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    assert hiding.known(tmp_path) == []
    assert hiding.known(None) == []
