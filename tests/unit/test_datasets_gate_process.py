"""The gate as a process: what does not come back signed and whole is blocked."""

import json
import os
import signal
import sys
import threading
from pathlib import Path

import pytest
from datasets_quarantine import MASTER, Quarantine, make

from sandbox_suite.datasets import attestation
from sandbox_suite.datasets.gate import launch
from sandbox_suite.datasets.gate.verdict import Verdict


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Quarantine:
    return make(tmp_path_factory.mktemp("process"))


def judged(masked: Quarantine, out: Path, program: str = "", seconds: float = 60, **more: object) -> Verdict:
    """Run the real gate, or a Python program in its place."""
    command = (sys.executable, "-c", program) if program else launch.COMMAND
    request = masked.request()
    return launch.gate(request, MASTER, masked.signing, out / "verdict.json", seconds=seconds, command=command, **more)  # type: ignore[arg-type]


def kinds(verdict: Verdict) -> list[str]:
    assert not verdict.passed
    return [finding.kind for finding in verdict.findings]


def writing(verdict: dict[str, object], out: Path, code: int = 0) -> str:
    """Return a program that leaves this verdict and ends with this code."""
    (out / "forged.json").write_text(json.dumps(verdict))
    there = repr(str(out))
    return f"import shutil, sys; shutil.copy({there} + '/forged.json', {there} + '/verdict.json'); sys.exit({code})"


def test_the_process_signs_what_is_well_masked(masked: Quarantine, tmp_path: Path) -> None:
    verdict = judged(masked, tmp_path)
    assert verdict.passed
    assert verdict.rows == 1200
    assert verdict.manifest is not None
    assert set(verdict.manifest["tables"]) == {"customers", "orders", "notes"}


def test_the_process_blocks_a_leak_without_showing_it(masked: Quarantine, tmp_path: Path) -> None:
    leak = masked.frame("customers", "raw")["email"][0]
    spoiled = masked.copy(tmp_path).put("customers", "email", 0, leak)
    verdict = judged(spoiled, tmp_path)
    assert {"identity", "codomain"} <= set(kinds(verdict))
    assert leak not in (tmp_path / "verdict.json").read_text()


def test_keys_are_in_no_argument_and_no_environment(
    masked: Quarantine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_SOMEBODY", "not for the gate")
    program = (
        "import sys, os, pathlib; said = sys.stdin.read();"
        f"pathlib.Path({str(tmp_path)!r} + '/seen').write_text(' '.join(sys.argv) + str(dict(os.environ)));"
        f"pathlib.Path({str(tmp_path)!r} + '/stdin').write_text(said)"
    )
    assert kinds(judged(masked, tmp_path, program)) == ["gate-garbled"]
    seen = (tmp_path / "seen").read_text()
    assert MASTER.hex() in (tmp_path / "stdin").read_text()
    assert MASTER.hex() not in seen
    assert "PRIVATE KEY" not in seen
    assert "SECRET_OF_SOMEBODY" not in seen


def test_no_answer_in_time_blocks(masked: Quarantine, tmp_path: Path) -> None:
    assert kinds(judged(masked, tmp_path, "import time; time.sleep(60)", seconds=0.2)) == ["gate-timeout"]


def test_a_killed_gate_blocks(masked: Quarantine, tmp_path: Path) -> None:
    def kill(pid: int) -> None:
        threading.Timer(0.3, os.kill, (pid, signal.SIGKILL)).start()

    assert kinds(judged(masked, tmp_path, started=kill)) == ["gate-ended"]


@pytest.mark.parametrize(
    ("program", "kind"),
    [
        ("", "gate-ended"),
        ("raise ValueError('anna@mail.example')", "gate-ended"),
        ("import sys; sys.exit(0)", "gate-garbled"),
        ("import sys; sys.exit(3)", "gate-garbled"),
    ],
)
def test_a_gate_that_fails_or_says_nothing_blocks(masked: Quarantine, tmp_path: Path, program: str, kind: str) -> None:
    verdict = judged(masked, tmp_path, program or "import os; os.abort()")
    assert kinds(verdict) == [kind]
    assert "anna" not in str(verdict.as_dict())


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"checks": 3}', '{"checks": [{"name": "files"}]}'])
def test_a_verdict_that_cannot_be_read_blocks(masked: Quarantine, tmp_path: Path, text: str) -> None:
    program = f"import pathlib; pathlib.Path({str(tmp_path / 'verdict.json')!r}).write_text({text!r})"
    assert kinds(judged(masked, tmp_path, program)) == ["gate-garbled"]


def test_an_old_verdict_is_not_taken_for_a_new_one(masked: Quarantine, tmp_path: Path) -> None:
    (tmp_path / "verdict.json").write_text(json.dumps(masked.judge().as_dict()))
    assert kinds(judged(masked, tmp_path, "pass")) == ["gate-garbled"]


def test_a_skipped_check_blocks(masked: Quarantine, tmp_path: Path) -> None:
    verdict = masked.judge().as_dict()
    verdict["checks"] = verdict["checks"][1:]
    assert kinds(judged(masked, tmp_path, writing(verdict, tmp_path))) == ["gate-skipped"]


def test_a_verdict_that_somebody_else_signed_blocks(masked: Quarantine, tmp_path: Path) -> None:
    verdict = masked.judge().as_dict()
    verdict["attestation"] = attestation.sign(verdict["attestation"]["body"], attestation.new_key())
    assert kinds(judged(masked, tmp_path, writing(verdict, tmp_path))) == ["gate-unsigned"]


def test_a_manifest_that_was_not_signed_blocks(masked: Quarantine, tmp_path: Path) -> None:
    verdict = masked.judge().as_dict()
    verdict["manifest"]["tables"]["orders"]["file_digest"] = f"sha256:{'0' * 64}"
    assert kinds(judged(masked, tmp_path, writing(verdict, tmp_path))) == ["gate-unsigned"]


def test_findings_block_whatever_the_exit_code_says(masked: Quarantine, tmp_path: Path) -> None:
    spoiled = masked.copy(tmp_path).put("customers", "email", 0, "a@b.example")
    verdict = spoiled.judge().as_dict()
    assert not judged(masked, tmp_path, writing(verdict, tmp_path, code=0)).passed
