"""The launcher's set-up for real: pip, virtual environments and locks, with two small packages instead of a hundred."""

import hashlib
import os
import shutil
import signal
import subprocess
import time
import zipfile
from pathlib import Path

import pytest

from sandbox_suite.core.settings import CHECKOUT

# Stands in for uv, whose work is to install the rest of the lock; slow enough to be met in the middle.
UV = "import sys, time\n\ndef main():\n    time.sleep(1)\n    sys.exit('--require-hashes' not in sys.argv)\n"
BACKEND = """
import zipfile
def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "checkout-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("checkout-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: checkout\\nVersion: 1.0\\n")
        wheel.writestr("checkout-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr("checkout-1.0.dist-info/RECORD", "")
    return name
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "checkout"
version = "1.0"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copy(CHECKOUT / "invoke", tmp_path / "invoke")
    (tmp_path / "backend.py").write_text(BACKEND)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "sandbox_suite").mkdir()
    tasks = "import os, sys\nprint(sys.argv[1], os.environ.get('SANDBOX_SETUP_DONE'))\n"
    (tmp_path / "sandbox_suite" / "tasks.py").write_text(tasks)
    digest = hashlib.sha256(wheel(tmp_path / "wheels")).hexdigest()
    (tmp_path / "requirements.lock").write_text(f"uv==0.0.1 \\\n    --hash=sha256:{digest}\n")
    return tmp_path


def wheel(folder: Path) -> bytes:
    folder.mkdir()
    path = folder / "uv-0.0.1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("fake_uv.py", UV)
        archive.writestr("uv-0.0.1.dist-info/METADATA", "Metadata-Version: 2.1\nName: uv\nVersion: 0.0.1\n")
        archive.writestr("uv-0.0.1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("uv-0.0.1.dist-info/entry_points.txt", "[console_scripts]\nuv = fake_uv:main\n")
        archive.writestr("uv-0.0.1.dist-info/RECORD", "")
    return path.read_bytes()


def start(checkout: Path, task: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(checkout / "wheels")}
    return subprocess.Popen(
        [checkout / "invoke", task],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=checkout,
        env=environment,
    )


def test_two_starts_at_once_share_one_set_up_and_a_later_one_does_nothing(checkout: Path) -> None:
    answers = [start.communicate() for start in [start(checkout, "one"), start(checkout, "two")]]
    assert sorted(words.split()[1] for words, _ in answers) == ["None", "venv"]
    assert sum("preparing the virtual environment" in said for _, said in answers) == 1
    assert sum("waiting: another start" in said for _, said in answers) == 1
    assert start(checkout, "three").communicate() == ("three None\n", "")


@pytest.mark.slow
def test_a_start_that_was_killed_in_the_middle_is_taken_up_by_the_next(checkout: Path) -> None:
    first = start(checkout, "one")
    while not (checkout / ".venv" / "bin" / "python").exists():
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait()
    words, said = start(checkout, "two").communicate()
    assert words == "two venv\n"
    assert "outdated or half-made" in said
    first.communicate()


def test_a_package_with_another_hash_is_refused(checkout: Path) -> None:
    (checkout / "requirements.lock").write_text(f"uv==0.0.1 \\\n    --hash=sha256:{'0' * 64}\n")
    failed = start(checkout, "one")
    _, said = failed.communicate()
    assert failed.returncode == 5
    assert "could not be prepared" in said
    assert not (checkout / ".venv" / "stamp").exists()
