"""Runs of Ansible: their end, their records, their traces."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from sandbox_suite.audit import log
from sandbox_suite.converge import playing, runner
from sandbox_suite.core.errors import InfrastructureError
from tests.integration.converge_sandbox import Sandbox, planted_in, sandbox, suite

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("home")) as there:
        yield there


def endless(folder: Path, run_id: str) -> dict[str, Any]:
    return {"suite_run_id": run_id, "suite_run_suites": [suite(folder, "endless", "sleep 977", timeout_seconds=900)]}


def at_work(made: Sandbox) -> list[str]:
    """Return the processes on this machine that belong to a run for the job."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        if made.job in line and "ansible" in line:
            found.append(line)
    return found


def wait(condition: "Any", seconds: float = 20) -> bool:
    """Return whether a condition came true in time."""
    last = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > last:
            return False
        time.sleep(0.1)
    return True


def sleeping(made: Sandbox) -> bool:
    return "sleep 977" in made.shell("runner", "ps -eo args")


def test_a_cancelled_run_ends_with_its_children_and_leaves_no_private_data(made: Sandbox, tmp_path: Path) -> None:
    asked = threading.Event()

    def say(line: str) -> None:
        if "Run the suites" in line:
            threading.Timer(1.0, asked.set).start()

    done = made.run("run-regression", "regress", endless(tmp_path, "c1"), say=say, cancelled=asked.is_set)
    assert done.outcome == "cancelled"
    assert at_work(made) == []
    assert not (made.settings.job_runtime(made.job) / "runner" / "regress").exists()
    assert wait(lambda: not sleeping(made))


SCRIPT = """
import json, sys
from pathlib import Path
from sandbox_suite.converge import context, runner
from sandbox_suite.core.settings import load
home, job, variables = sys.argv[1:]
place = load(Path(home) / "none.yaml", {"SANDBOX_HOME": home})
who = context.of_job(place, job=job, step="regress", attempt=9, actor="qa", tenant="acme")
say = lambda line: print(line, flush=True)
print(runner.run("run-regression", who, json.loads(variables), place, say).outcome, flush=True)
"""


def started(made: Sandbox, variables: dict[str, Any]) -> "subprocess.Popen[str]":
    """Start a run in a process of its own and return it once a suite is at work."""
    import json

    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(made.settings.home), made.job, json.dumps(variables)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert any("Run the suites" in line for line in iter(process.stdout.readline, ""))
    assert wait(lambda: sleeping(made))
    return process


def test_sigterm_ends_a_run_as_a_cancel_does(made: Sandbox, tmp_path: Path) -> None:
    process = started(made, endless(tmp_path, "c2"))
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=30)[0].splitlines()[-1] == "cancelled"
    assert at_work(made) == []
    assert wait(lambda: not sleeping(made))


def test_a_run_does_not_outlive_the_process_that_was_killed(made: Sandbox, tmp_path: Path) -> None:
    process = started(made, endless(tmp_path, "c3"))
    process.kill()
    process.wait()
    assert wait(lambda: not at_work(made))
    assert wait(lambda: not sleeping(made))


def test_a_record_that_the_callback_could_not_write_is_found_missing(made: Sandbox, tmp_path: Path) -> None:
    variables = {"report_collect_folder": str(tmp_path), "report_collect_run_id": "r"}
    context = made.context("collect", 2)
    elsewhere = tmp_path / "is-a-folder"
    elsewhere.mkdir()
    broken = type(context)(**{**vars(context), "log": elsewhere})
    environment = runner._environment(broken, made.settings)
    assert environment["SANDBOX_AUDIT_LOG"] == str(elsewhere)
    original = runner._environment
    try:
        runner._environment = lambda *_: environment
        done = runner.run("collect-reports", context, variables, made.settings)
    finally:
        runner._environment = original
    assert done.outcome == "ok"
    assert {item.side for item in done.missing_records} == {"record"}
    assert {(item.task, item.host) for item in done.missing_records} == {
        (item.task, item.host) for item in done.results
    }


def test_a_container_that_is_gone_is_unreachable_and_recorded(made: Sandbox, tmp_path: Path) -> None:
    outputs = made.folder / "outputs.json"
    before = outputs.read_text()
    outputs.write_text(before.replace(f"{made.job}-runner", f"{made.job}-gone"))
    try:
        done = made.run("run-regression", "regress", endless(tmp_path, "c4"), attempt=4)
    finally:
        outputs.write_text(before)
    assert done.outcome == "failed"
    assert done.failures[0].unreachable
    assert f"{made.job}-gone" in done.failures[0].message
    assert done.missing_records == ()
    assert [record.outcome for record in log.read(made.log) if record.attempt == 4][-1] == "unreachable"


def test_a_job_without_a_sandbox_is_told_in_words(made: Sandbox, tmp_path: Path) -> None:
    outputs = made.folder / "outputs.json"
    before = outputs.read_text()
    outputs.unlink()
    try:
        with pytest.raises(InfrastructureError, match="no sandbox stands for this job"):
            made.run("collect-reports", "collect", {"report_collect_folder": str(tmp_path)}, attempt=5)
    finally:
        outputs.write_text(before)


def test_check_mode_changes_nothing_and_is_recorded_as_such(made: Sandbox, tmp_path: Path) -> None:
    done = made.run("run-regression", "regress", endless(tmp_path, "c6"), attempt=6, check=True)
    assert (done.outcome, done.missing_records) == ("ok", ())
    assert all(record.details["check_mode"] for record in log.read(made.log) if record.attempt == 6)
    assert not sleeping(made)


def test_a_run_sees_nothing_of_our_environment(made: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_REMOTE_USER", "somebody")
    monkeypatch.setenv("HOST_SECRET", made.planted["plugin_db_password"])
    seen: list[dict[str, str]] = []
    keep = playing.bare
    monkeypatch.setattr(playing, "bare", lambda *given: seen.append(keep(*given)) or seen[-1])
    done = made.run("collect-reports", "collect", {"report_collect_folder": str(tmp_path)}, attempt=7)
    assert done.outcome == "ok"
    assert {"ANSIBLE_REMOTE_USER", "HOST_SECRET"}.isdisjoint(seen[0])
    assert planted_in(made, made.settings.home, tmp_path) == []


def test_by_hand_without_a_job_the_callback_says_so_once(made: Sandbox, tmp_path: Path) -> None:
    source = tmp_path / "sandbox.yml"
    source.write_text(f"plugin: sandbox\njob: {made.job}\n")
    environment = {name: value for name, value in made.environment().items() if name != "SANDBOX_JOB"}
    playbook = tmp_path / "play.yml"
    playbook.write_text("- hosts: runner\n  gather_facts: false\n  tasks: [{ansible.builtin.ping: {}}]\n")
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-i", source, playbook],
        cwd=runner.CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("leaves no audit records") == 1


def test_by_hand_records_go_to_the_jobs_log(made: Sandbox, tmp_path: Path) -> None:
    made.run("collect-reports", "collect", {"report_collect_folder": str(tmp_path)}, attempt=8)
    assert made.by_hand("collect-reports", "collect").returncode == 0
    mine = [record for record in log.read(made.log) if record.step == "by-hand"]
    assert {record.host for record in mine} == {"runner", "plugin", "database"}
    assert {(record.tenant, record.attempt) for record in mine} == {("acme", 0)}
    assert log.verify(made.log).problems == []


CHECKS = """
def pytest_addoption(parser):
    parser.addoption("--job")
"""


@pytest.mark.parametrize(("condition", "outcome"), [("j == {job!r}", "ok"), ("not j", "failed")])
def test_the_checks_of_a_sandbox_run_from_the_controller(
    made: Sandbox, tmp_path: Path, condition: str, outcome: str
) -> None:
    (tmp_path / "conftest.py").write_text(CHECKS)
    claim = condition.format(job=made.job)
    check = f"def test_job(request):\n    j = request.config.getoption('--job')\n    assert {claim}\n"
    (tmp_path / "test_it.py").write_text(check)
    done = made.run("verify-sandbox", "verify", {"sandbox_verify_tests": str(tmp_path)}, attempt=11)
    assert (done.outcome, done.changed, done.missing_records) == (outcome, 0, ())
