"""The deployed plugin: the signed files, its own directory, no further processes, healthy."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from sandbox_suite.plugins import package, signature
from sandbox_suite.plugins.manifest import Manifest

PSEUDO = {"proc", "sysfs", "cgroup", "cgroup2", "mqueue", "devpts"}
FORK = "import os, sys; os.fork() or os._exit(0)"
HASHES = """
import hashlib, json, os, sys
found = {}
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        path = os.path.join(folder, name)
        with open(path, "rb") as file:
            found[os.path.relpath(path, sys.argv[1])] = hashlib.sha256(file.read()).hexdigest()
print(json.dumps(found))
"""


def process(plugin: Any, folder: str) -> dict[str, str]:
    """Return the status of the plugin's process."""
    pid = str(plugin.check_output("cat %s/run/plugin.pid", folder)).strip()
    lines = str(plugin.check_output("cat /proc/%s/status", pid)).splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.mark.row("S-15")
def test_healthy(plan: dict[str, Any], runner: Any) -> None:
    """the plugin answers on its health address, through the sandbox's network."""
    manifest = Manifest.model_validate(plan["plugin"]["manifest"])
    url = f"http://plugin:{manifest.port}{manifest.health.http}"
    said = runner.run("curl --silent --show-error --max-time 5 --output /dev/null --write-out '%%{http_code}' %s", url)
    assert (said.rc, said.stdout) == (0, "200"), f"{url}: {said.stdout} {said.stderr}"


@pytest.mark.row("S-01")
def test_own_directory(plugin: Any, plugin_folder: str) -> None:
    """the plugin can write into its own directory and /tmp only, and no other plugin is there."""
    mounts = [line.split() for line in str(plugin.check_output("cat /proc/mounts")).splitlines()]
    places = [mount[1] for mount in mounts if mount[2] not in PSEUDO and "rw" in mount[3].split(",")]
    # What the engine lays over files of /proc to hide them is a device that swallows everything.
    writable = {path for path in places if not path.startswith("/proc/") and plugin.run("test -w %s", path).rc == 0}
    assert writable - {"/tmp", "/dev/shm", "/dev/console", str(Path(plugin_folder).parent)} == set()
    neighbours = str(plugin.check_output("ls --almost-all %s", str(Path(plugin_folder).parent))).split()
    assert neighbours == [Path(plugin_folder).name]


@pytest.mark.row("S-01")
def test_private(plugin: Any, plugin_folder: str) -> None:
    """the plugin's directory is its own user's, and closed to others."""
    found = plugin.check_output("stat --format='%%U %%a' %s/run", plugin_folder)
    owner, mode = str(found).split()
    assert owner == plugin.check_output("id --user --name").strip()
    assert int(mode, 8) & 0o077 == 0, f"mode {mode}"


@pytest.mark.row("S-11")
def test_signature(sandbox: Any, plan: dict[str, Any]) -> None:
    """the package's signature is that of the recorded signer, over the recorded content."""
    verified = package.verify(Path(plan["plugin"]["package"]), signature.trusted(sandbox.settings.home))
    assert plan["plugin"]["signer"], "no signer was recorded"
    assert (verified.digest, verified.signer) == (plan["plugin"]["digest"], plan["plugin"]["signer"])


@pytest.mark.row("S-11")
def test_files(plan: dict[str, Any], plugin: Any, plugin_folder: str) -> None:
    """the files that run are the files that were signed."""
    held = package.read(Path(plan["plugin"]["package"]))
    signed = {name: hashlib.sha256(item.data).hexdigest() for name, item in held.files.items()}
    found = json.loads(plugin.check_output("python3 -c %s %s/package", HASHES, plugin_folder))
    found = {name: mark for name, mark in found.items() if not _of_the_interpreter(name) and name != signature.NAME}
    assert {name for name in found.keys() | signed.keys() if found.get(name) != signed.get(name)} == set()


@pytest.mark.row("S-14")
def test_filter(plan: dict[str, Any], plugin: Any, plugin_folder: str) -> None:
    """the plugin's process carries a filter that the rest of its container does not."""
    _unless_it_may_fork(plan)
    own, other = process(plugin, plugin_folder), str(plugin.check_output("cat /proc/self/status"))
    assert own["Seccomp"] == "2"
    if "Seccomp_filters" in own:
        assert f"Seccomp_filters:\t{int(own['Seccomp_filters']) - 1}\n" in other + "\n"


@pytest.mark.row("S-14")
def test_fork_fails(plan: dict[str, Any], plugin: Any) -> None:
    """under that filter a fork fails; outside of it, one works."""
    _unless_it_may_fork(plan)
    assert plugin.run("python3 -c %s", FORK).rc == 0
    refused = plugin.run("/usr/local/libexec/sandbox/confine python3 -c %s", FORK)
    assert refused.rc != 0
    assert "PermissionError" in refused.stderr


@pytest.mark.row("S-14")
def test_no_children(plan: dict[str, Any], plugin: Any, plugin_folder: str) -> None:
    """the plugin has no child process."""
    _unless_it_may_fork(plan)
    pid = str(plugin.check_output("cat %s/run/plugin.pid", plugin_folder)).strip()
    assert plugin.run("cat /proc/%s/task/*/children", pid).stdout.split() == []


def _unless_it_may_fork(plan: dict[str, Any]) -> None:
    if Manifest.model_validate(plan["plugin"]["manifest"]).runtime.needs_fork:
        pytest.skip("the manifest declares runtime.needs_fork")


def _of_the_interpreter(name: str) -> bool:
    return Path(name).parent.name == "__pycache__"
