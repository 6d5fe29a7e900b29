"""Warm and cold modules: the same results of all kinds of modules and features, and the speed is not lost silently."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sessions_container import USER, container

from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.sessions import holder
from sandbox_suite.sessions.client import Client

pytestmark = [pytest.mark.docker, pytest.mark.slow]
PLUGINS = holder.SOURCES / "sandbox_suite" / "converge" / "plugins"
CLOCKS = {
    "start",
    "end",
    "delta",
    "atime",
    "mtime",
    "ctime",
    "inode",
    "dev",
    "elapsed",
    "date",
    "last_modified",
    "attempts",
}
NAMES = {"ansible_job_id", "results_file", "random_number", "pid", "uniq", "HOSTNAME"}
DERIVED = {"stdout_lines", "stderr_lines"}
RANDOM = (
    (r"ansible-tmp-[\d.]+-\d+-\d+", "ansible-tmp"),
    (r"\bansible_[\w.]+_payload_\w+\n?", ""),  # only a cold run leaves one there while it lasts
    (r"ansible-moduletmp-[\d.]+-\w+", "moduletmp"),
    (r"\bHOSTNAME=[0-9a-f]{12}", "HOSTNAME=container"),
    (r"\bses-[0-9a-f]{8}\b", "container"),
    (r"\.\d+\.\d{4}-\d\d-\d\d@\d\d:\d\d:\d\d~", ".backup"),
    (r"\btmp\w{8}\b|\bansible\.\w{8}(?=\.parity)|\.?ansible_tmp\w+", "tmp"),
    (r"\bj\d+\.\d+\b", "job"),
    (r"/[\w/.-]*/(warm|cold)/", "/place/"),
    (r"\d+(\.\d+)? seconds?", "seconds"),
)


class Run(NamedTuple):
    """What a play did."""

    results: list[dict[str, Any]]
    facts: dict[str, Any]
    printed: str


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("parity")
    (place / "big.bin").write_bytes(os.urandom(20_000_000))
    yield place
    holder.stop(place)


@pytest.fixture(scope="module")
def runs(runtime: Path) -> dict[bool, Run]:
    done = {}
    for warm in (True, False):
        with container(f"--user={USER}") as name:
            done[warm] = play(runtime, name, warm, "play.yml")
    return done


def play(runtime: Path, name: str, warm: bool, playbook: str) -> Run:
    """Run a playbook into a container."""
    place = runtime / ("warm" if warm else "cold")
    if not place.exists():
        prepare(runtime, place)
    results = place / "results.jsonl"
    results.unlink(missing_ok=True)
    (place / "inventory.json").write_text(json.dumps({"all": {"hosts": {"box": variables(runtime, name, warm)}}}))
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "inventory.json", playbook]
    done = subprocess.run(command, cwd=place, env=environment(results), capture_output=True, text=True, check=False)
    assert results.exists(), done.stdout + done.stderr
    with Client(runtime / holder.SOCKET, name, USER) as client:
        facts = client.stat()
    return Run([json.loads(line) for line in results.read_text().splitlines()], facts, done.stdout + done.stderr)


def prepare(runtime: Path, place: Path) -> None:
    """Make the folder of a play."""
    shutil.copytree(Path(__file__).parent / "parity", place)
    (place / "big.bin").symlink_to(runtime / "big.bin")
    (place / "tree").mkdir()
    (place / "tree" / "one").write_text("eins\n")
    (place / "tree" / "two").write_text("zwei\n")
    (place / "script.sh").write_text('#!/bin/sh\necho script "$@"\n')
    (place / "ansible.cfg").write_text("")


def variables(runtime: Path, name: str, warm: bool) -> dict[str, Any]:
    """Return the host's variables."""
    return {
        "ansible_connection": "sandbox",
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_remote_tmp": "/tmp/.ansible",
        "ansible_user": USER,
        "sandbox_container": name,
        "sandbox_socket": str(holder.ensure(runtime)),
        "sandbox_warm": warm,
    }


def environment(results: Path) -> dict[str, str]:
    """Return the environment of `ansible-playbook`."""
    libraries = [str(path) for path in CHECKOUT.glob("roles/*/library")]
    return {
        **os.environ,
        "PYTHONPATH": str(holder.SOURCES),
        "ANSIBLE_CONNECTION_PLUGINS": str(PLUGINS / "connection"),
        "ANSIBLE_LIBRARY": ":".join(["library", *libraries]),
        "ANSIBLE_MODULE_UTILS": f"module_utils:{PLUGINS / 'module_utils'}",
        "ANSIBLE_CALLBACKS_ENABLED": "results",
        "ANSIBLE_CONFIG": "ansible.cfg",
        "LC_ALL": "C.UTF-8",
        "PARITY_RESULTS": str(results),
    }


def settled(value: Any) -> Any:
    """Return a result without names that are made up and times."""
    if isinstance(value, dict):
        return {key: settled(item) for key, item in value.items() if key not in CLOCKS | NAMES | DERIVED}
    if isinstance(value, list):
        return [settled(item) for item in value]
    if isinstance(value, str):
        for pattern, word in RANDOM:
            value = re.sub(pattern, word, value)
    return value


def shown(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> str:
    """Return what differs, briefly."""
    lines = []
    for warm, cold in pairs:
        keys = [key for key in warm["result"] | cold["result"] if warm["result"].get(key) != cold["result"].get(key)]
        lines += [f"{warm['task']}: {key}: {warm['result'].get(key)!r} != {cold['result'].get(key)!r}" for key in keys]
    return "\n".join(lines)


def test_warm_results_are_those_of_cold_runs(runs: dict[bool, Run]) -> None:
    warm, cold = ([settled(result) for result in runs[way].results] for way in (True, False))
    assert [result["task"] for result in warm] == [result["task"] for result in cold]
    assert len(warm) > 80, runs[True].printed
    different = [(one, other) for one, other in zip(warm, cold, strict=True) if one != other]
    assert not different, shown(different)


def test_nearly_everything_ran_warm_and_nothing_where_it_was_not_wanted(runs: dict[bool, Run]) -> None:
    assert runs[True].facts["warm"] > 70, runs[True].facts
    assert runs[True].facts["cold"] < 10, runs[True].facts
    assert runs[False].facts["warm"] == 0
    assert runs[False].facts["cold"] > 80


def test_random_numbers_differ_between_modules(runs: dict[bool, Run]) -> None:
    numbers = [run["result"]["random_number"] for run in runs[True].results if "random_number" in run["result"]]
    assert len(numbers) > 4
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("warm", [True, False])
def test_tasks_applied_twice_change_nothing(runtime: Path, warm: bool) -> None:
    with container(f"--user={USER}") as name:
        for change in ("changed=8", "changed=0"):
            begun = time.monotonic()
            run = play(runtime, name, warm, "role.yml")
            print(f"warm={warm}: {time.monotonic() - begun:.2f} s")
            assert change in run.printed, run.printed
            assert "failed=0" in run.printed, run.printed
        assert bool(run.facts["warm"]) == warm
