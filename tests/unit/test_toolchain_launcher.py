"""`./invoke` with an environment that stands in for the real one, or with none."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox_suite.core.settings import CHECKOUT

LOCK = "thing==1.0 \\\n    --hash=sha256:00\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout without an environment."""
    shutil.copy(CHECKOUT / "invoke", tmp_path / "invoke")
    (tmp_path / "requirements.lock").write_text(LOCK)
    return tmp_path


def prepared(checkout: Path) -> None:
    """Give `checkout` an environment whose interpreter tells how it was called."""
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        '#!/bin/sh\nprintf "%s\\n" "$@" "bytecode=${PYTHONDONTWRITEBYTECODE-on}" "done=$SANDBOX_SETUP_DONE"\n'
    )
    python.chmod(0o755)
    stamp = f"{hashlib.sha256(LOCK.encode()).hexdigest()} {checkout.resolve()}\n"
    (checkout / ".venv" / "stamp").write_text(stamp)


def launch(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "SANDBOX_SETUP_DONE": "stale", **environment}
    return subprocess.run(
        [checkout / "invoke", *arguments], capture_output=True, text=True, check=False, env=given, cwd="/"
    )


def test_a_prepared_environment_runs_the_task_with_its_arguments_as_they_were_given(checkout: Path) -> None:
    prepared(checkout)
    shown = launch(checkout, "sandbox.run", "--reason", "two words  *")
    assert shown.stdout.splitlines() == [
        *("-m", "sandbox_suite.tasks", "sandbox.run", "--reason", "two words  *"),
        *("bytecode=on", "done="),
    ]
    assert shown.stderr == ""


@pytest.mark.parametrize("change", ["no stamp", "another lock", "another folder", "no interpreter"])
def test_an_environment_that_is_half_made_outdated_or_moved_is_not_used(checkout: Path, change: str) -> None:
    prepared(checkout)
    stamp = checkout / ".venv" / "stamp"
    match change:
        case "no stamp":
            stamp.unlink()
        case "another lock":
            (checkout / "requirements.lock").write_text(LOCK + "other==2\n")
        case "another folder":
            stamp.write_text(stamp.read_text().replace(str(checkout.resolve()), "/elsewhere"))
        case "no interpreter":
            (checkout / ".venv" / "bin" / "python").unlink()
    shown = launch(checkout, "sandbox.list", SANDBOX_SETUP="never")
    assert shown.returncode == 5
    assert "missing or outdated" in shown.stderr
    assert "hint: run ./invoke once without SANDBOX_SETUP=never" in shown.stderr


def test_a_dry_run_without_an_environment_says_what_would_be_set_up_and_makes_nothing(checkout: Path) -> None:
    before = sorted(checkout.iterdir())
    shown = launch(checkout, "sandbox.run", "--plan", "smoke", "--dry-run", "--json")
    assert shown.returncode == 0
    assert json.loads(shown.stdout)["setup"] == ["venv"]
    assert "nothing was changed" in shown.stderr
    assert sorted(checkout.iterdir()) == before


def test_what_stands_behind_two_dashes_is_no_dry_run_of_ours(checkout: Path) -> None:
    shown = launch(checkout, "stack.pulumi", "--", "up", "--dry-run", SANDBOX_SETUP="never")
    assert shown.returncode == 5


def test_without_a_usable_python_one_message_names_what_is_needed(checkout: Path) -> None:
    shown = launch(checkout, "--list", SANDBOX_PYTHON=str(checkout / "no-python"))
    assert shown.returncode == 5
    assert "no usable Python >= 3.11" in shown.stderr
    assert "left as it was: nothing was changed" in shown.stderr
    assert not (checkout / ".venv").exists()
