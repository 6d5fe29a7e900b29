"""One test per exit code, with `./invoke` as a process."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from sandbox_suite.core.settings import CHECKOUT
from tests.e2e.conftest import Invoke
from tests.e2e.traces import Traces


def test_0_help_and_lists(invoke: Invoke) -> None:
    assert invoke("--list").code == 0
    assert invoke().code == 0
    assert "--dry-run" in invoke("--help", "sandbox.run").out
    assert invoke("--version").code == 0


def test_1_the_verdict_is_not_passed(invoke: Invoke) -> None:
    assert invoke("sandbox.run", "--plan", "smoke", "--threshold", "api_p50_ms=0.0001").code == 1


def test_2_unknown_flags_and_tasks(invoke: Invoke) -> None:
    for arguments in (("sandbox.run", "--plam", "smoke"), ("sandbox.rum",), ("sandbox.run",), ("--help", "no.task")):
        ended = invoke(*arguments)
        assert ended.code == 2, (arguments, ended)
        assert ended.err
        assert "Traceback" not in ended.err


def test_2_flags_of_invoke_that_would_mislead(invoke: Invoke) -> None:
    for arguments in (("sandbox.run", "--plan", "smoke", "--dry"), ("--dry", "sandbox.run"), ("sandbox.run", "--list")):
        ended = invoke(*arguments)
        assert ended.code == 2, arguments
        assert "`--" in ended.err


def test_4_ctrl_c_cancels_and_rolls_back(invoke: Invoke, traces: Traces) -> None:
    before = traces.left()
    process = invoke.start("sandbox.run", "--plan", "smoke", "--json")
    _wait_for(process, "provision")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 4, err
    assert "cancelling" in err
    assert '"verdict": null' in out
    assert traces.left() == before


def test_5_docker_does_not_answer(invoke: Invoke, tmp_path: Path) -> None:
    nowhere = f"unix://{tmp_path}/no.sock"
    ended = invoke("sandbox.run", "--plan", "smoke", environment={"DOCKER_HOST": nowhere, "SANDBOX_SETUP": "never"})
    assert ended.code == 5, ended.err
    assert "docker" in ended.err


def test_plain_invoke_of_the_environment_ends_with_the_same_codes(invoke: Invoke) -> None:
    plain = CHECKOUT / ".venv" / "bin" / "invoke"
    for arguments, code in ((["--list"], 0), (["sandbox.run", "--no-such"], 2)):
        done = subprocess.run([plain, *arguments], cwd=CHECKOUT, env=invoke.environment, capture_output=True)
        assert done.returncode == code, done.stderr


def test_another_interpreters_invoke_gives_one_message(invoke: Invoke, tmp_path: Path) -> None:
    bare = shutil.which("python3", path="/usr/bin:/bin")
    assert bare
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [bare, "-c", "import tasks"], cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "./invoke" in done.stderr


def _wait_for(process: "subprocess.Popen[str]", step: str) -> None:
    """Wait until a step has begun: the line of the step before it has been printed."""
    assert process.stderr
    deadline = time.monotonic() + 120
    for line in process.stderr:
        if line.startswith("dataset") or time.monotonic() > deadline:
            return
