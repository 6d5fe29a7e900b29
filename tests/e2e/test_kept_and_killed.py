"""Kept, interrupted, cancelled and destroyed jobs: resumable, and in the end without a trace."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

from sandbox_suite.core.settings import CHECKOUT
from tests.e2e.conftest import Invoke
from tests.e2e.traces import Traces


def test_a_kept_sandbox_can_be_entered_and_is_destroyed_without_a_trace(invoke: Invoke, traces: Traces) -> None:
    before = traces.left()
    run = invoke("sandbox.run", "--plan", "smoke", "--keep", "--json").json
    assert run["sandbox"]["kept"] is True
    assert run["sandbox"]["expires_at"]
    job = run["job"]
    shown = invoke("sandbox.shell", "--job", job, "--command", "id -un")
    assert shown.out.strip() == "powerx", shown
    rows = invoke("sandbox.shell", "--job", job, "--psql", "--command", "select count(*) from dataset.customers")
    assert "20000" in rows.out, rows
    assert job in invoke("sandbox.list").out
    again = invoke("sandbox.retry", "--job", job, "--from-step", "regress", "--json")
    assert again.json["verdict"] == "passed", again.err
    assert invoke("sandbox.destroy", "--job", job).code == 0
    assert traces.left() == before


def test_a_worker_killed_in_the_middle_leaves_a_job_that_resume_finishes(invoke: Invoke, traces: Traces) -> None:
    before = traces.left()
    job = _interrupted(invoke, after="provision")
    ended = invoke("sandbox.resume", "--job", job, "--json")
    assert ended.code == 0, ended.err
    assert "skipped" in ended.err
    assert ended.json["verdict"] == "passed"
    assert traces.left() == before


def test_a_worker_killed_in_the_middle_leaves_a_job_that_destroy_removes(invoke: Invoke, traces: Traces) -> None:
    before = traces.left()
    job = _interrupted(invoke, after="dataset")
    ended = invoke("sandbox.destroy", "--job", job, "--json")
    assert ended.code == 0, ended.err
    assert traces.left() == before


def test_a_detached_job_is_watched_and_cancelled_from_elsewhere(invoke: Invoke, traces: Traces) -> None:
    before = traces.left()
    job = invoke("sandbox.run", "--plan", "smoke", "--detach", "--json").json["job"]
    assert invoke("sandbox.cancel", "--job", job, "--reason", "changed my mind").code == 0
    shown = invoke("sandbox.show", "--job", job, "--json").json
    assert shown["error"]["what"] == "the job was cancelled"
    assert invoke("sandbox.watch", "--job", job).code == 4
    assert traces.left() == before


def test_logs_are_exported_without_secrets(invoke: Invoke, tmp_path: Path) -> None:
    job = invoke("sandbox.list", "--json").json["jobs"][0]["job"]
    assert invoke("sandbox.logs", "--job", job, "--export", str(tmp_path / "logs.txt")).code == 0
    assert (tmp_path / "logs.txt").read_text()


def _interrupted(invoke: Invoke, after: str) -> str:
    """Start a job, kill its worker with SIGKILL once a step has ended, and return the job."""
    job: str = invoke("sandbox.run", "--plan", "smoke", "--detach", "--json").json["job"]
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        steps = {step["name"]: step["outcome"] for step in invoke("sandbox.show", "--job", job, "--json").json["steps"]}
        if steps[after] == "ok":
            break
    status = json.loads(invoke("ops.worker", "--status", "--json").out)
    os.kill(status["pid"], signal.SIGKILL)
    time.sleep(0.5)
    assert "interrupted" in invoke("sandbox.list").out
    return job


def test_a_plugin_that_never_gets_healthy_fails_the_job_which_is_rolled_back(
    invoke: Invoke, traces: Traces, tmp_path: Path
) -> None:
    before = traces.left()
    ended = invoke("sandbox.run", "--plan", "smoke", "--plugin", str(broken(tmp_path)), "--json")
    assert ended.code == 5, ended.err
    error = ended.json["error"]
    assert "healthy" in error["what"]
    assert "rolled back" in error["left"]
    assert ended.json["verdict"] is None
    assert traces.left() == before


def test_with_keep_the_sandbox_of_a_failed_job_stays_to_be_looked_at(
    invoke: Invoke, traces: Traces, tmp_path: Path
) -> None:
    before = traces.left()
    ended = invoke("sandbox.run", "--plan", "smoke", "--plugin", str(broken(tmp_path)), "--keep", "--json")
    job = ended.json["job"]
    assert ended.code == 5, ended.err
    assert ended.json["sandbox"]["kept"] is True
    shown = invoke("sandbox.shell", "--job", job, "--command", "cat /var/lib/powerx/plugins/*/run/plugin.log")
    assert "cannot start" in shown.out
    assert invoke("sandbox.destroy", "--job", job).code == 0
    assert traces.left() == before


def broken(folder: Path) -> Path:
    """Return a copy of the example plugin that ends at once."""
    copy = folder / "plugin"
    shutil.copytree(CHECKOUT / "examples" / "plugins" / "customer-desk-python", copy)
    (copy / "backend" / "server.py").write_text("raise SystemExit('cannot start')\n")
    return copy
