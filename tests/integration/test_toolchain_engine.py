"""A machine without a running Docker engine: ours, with the real one hidden in namespaces of the test's own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("dockerd"), reason="needs root and dockerd"),
]

PREPARE = """
import sys
from pathlib import Path
from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.settings import load
from sandbox_suite.toolchain import docker_engine, ping

docker_engine.GRACE_SECONDS = 1.0
settings = load(Path("none.yaml"), {"SANDBOX_HOME": sys.argv[1], "SANDBOX_CACHE": sys.argv[1] + "/cache"})
try:
    done = docker_engine.prepare(settings, lambda line: print(line, file=sys.stderr))
    print(done, ping.answers())
except InfrastructureError as error:
    print(error)
"""


def hidden(tmp_path: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script where no engine answers; everything it starts ends with it."""
    (tmp_path / "docker").mkdir()
    (tmp_path / "prepare.py").write_text(PREPARE)
    prepare = f"{sys.executable} {tmp_path}/prepare.py {tmp_path}/home"
    hide = f"mount -t tmpfs tmpfs /run && mkdir -p /var/lib/docker && mount --bind {tmp_path}/docker /var/lib/docker"
    command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-ec"]
    environment = {key: value for key, value in os.environ.items() if key != "DOCKER_HOST"}
    return subprocess.run(
        [*command, f"{hide}\nprepare() {{ {prepare}; }}\n{script}"],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip


def test_an_engine_is_started_once_by_two_at_once_and_found_by_the_next(tmp_path: Path) -> None:
    shown = hidden(tmp_path, "prepare & prepare; wait; prepare; kill -0 $(cat /run/docker.pid)")
    assert shown.returncode == 0, shown.stderr
    assert sorted(shown.stdout.splitlines()) == ["['docker engine (started)'] True", "[] True", "[] True"]
    assert (tmp_path / "home" / "docker" / "dockerd.pid").exists()
    assert "API listen on" in (tmp_path / "home" / "docker" / "dockerd.log").read_text()


def test_an_engine_that_does_not_start_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    shown = hidden(tmp_path, "mount -o remount,ro,bind /var/lib/docker; prepare")
    assert "the Docker engine does not start" in shown.stdout, shown.stderr
    assert "read-only file system" in shown.stdout
    assert "hint: correct what the log names" in shown.stdout
