"""A playbook in a child of the forkserver comes to what it comes to in a process of its own."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from sandbox_suite.converge.configuration import forkserver_environment
from sandbox_suite.core.files import write_json
from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.launch import forkserver
from sandbox_suite.launch.client import Child
from sandbox_suite.launch.forkserver import Forkserver
from sandbox_suite.sessions import holder
from tests.integration import converge_warm

PRELOAD = (
    "sandbox_suite.converge.warm",
    "ansible_runner.interface",
    "tests.integration.converge_warm",
    "sandbox_suite.launch.warming:ansible",
)
TARGET = "tests.integration.converge_warm:step"
PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - {name: A file, ansible.builtin.copy: {content: "{{ word }}", dest: "{{ here }}", mode: "0600"}}
    - {name: Read, ansible.builtin.command: "cat {{ here }}", register: read, changed_when: false}
    - {name: The same, ansible.builtin.assert: {that: [read.stdout == word]}}
    - {name: Not now, ansible.builtin.debug: {msg: no}, when: false}
    - {name: A loop, ansible.builtin.debug: {msg: "{{ item }}"}, loop: [1, 2]}
    - {name: Let it fail, ansible.builtin.command: "false", ignore_errors: true}
    - {name: Secret, ansible.builtin.command: "echo {{ word }}", no_log: true, changed_when: false}
    - {name: The end, ansible.builtin.fail: {msg: "it ends here, {{ word | upper }}"}}
  vars:
    here: "{{ playbook_dir }}/{{ lookup('ansible.builtin.env', 'SANDBOX_STEP') }}.txt"
"""
SLEEP = """
- hosts: localhost
  gather_facts: false
  tasks: [{name: Wait, ansible.builtin.command: sleep 978}]
"""
Step = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("home")
    settings = converge_warm.place(str(home))
    write_json(settings.job(converge_warm.JOB) / "outputs.json", {"job": "j", "tenant": "acme", "containers": {}})
    for name, text in (("play", PLAY), ("sleep", SLEEP)):
        (home / f"{name}.yml").write_text(text)
    yield home
    holder.stop(settings.runtime)
    shutil.rmtree(settings.runtime, ignore_errors=True)


def started(home: Path, name: str) -> Forkserver:
    ours = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    environment = ours | forkserver_environment(converge_warm.place(str(home)).runtime)
    environment |= {"LC_ALL": "C.UTF-8", "PYTHONPATH": str(CHECKOUT)}
    server = forkserver.start(home / name, PRELOAD, home / "forkserver.log", environment)
    assert server.failures == ()
    return server


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Forkserver]:
    server = started(home, "fs.sock")
    yield server
    server.stop()


def begin(server: Forkserver, home: Path, left: Path, *more: Any, warm: bool = True, play: str = "play") -> Child:
    environment = {key: value for key, value in os.environ.items() if key != "SANDBOX_FORKSERVER"}
    environment |= {"LC_ALL": "C.UTF-8"} | ({"SANDBOX_FORKSERVER": str(server.socket)} if warm else {})
    arguments = [str(home), str(home / play), str(left), *more]
    return Child.start(server.socket, TARGET, arguments, environment, CHECKOUT, stdout_path=home / "step.log")


@pytest.fixture
def step(server: Forkserver, home: Path, tmp_path: Path) -> Step:
    def step(*more: Any, warm: bool = True) -> dict[str, Any]:
        with begin(server, home, tmp_path / "left.json", *more, warm=warm) as child:
            assert child.wait(60) == 0, (home / "step.log").read_text()
        found: dict[str, Any] = json.loads((tmp_path / "left.json").read_text())
        return found

    return step


def cold(said: list[str]) -> list[str]:
    return [line for line in said if line.startswith("Ansible starts cold")]


def test_warm_and_cold_have_the_same_results_events_and_records(step: Step) -> None:
    warm, plain = step(1), step(2, warm=False)
    assert cold(warm["said"]) == []
    assert cold(plain["said"]) == ["Ansible starts cold: no forkserver started this process"]
    for key in ("outcome", "stats", "results", "missing", "records", "left"):
        assert warm[key] == plain[key], key
    assert [line for line in plain["said"] if line not in cold(plain["said"])] == warm["said"]
    assert warm["outcome"] == "failed"
    assert len(warm["results"]) == len(warm["records"]) == 8
    assert "it ends here, GRÜSSE" in warm["results"][-1][4]
    assert (warm["missing"], warm["left"]) == (0, [])


def test_packed_modules_are_kept_from_run_to_run(step: Step, home: Path) -> None:
    def packed() -> dict[str, int]:
        files = (converge_warm.place(str(home)).runtime / "payloads").rglob("ansible.modules.*ZIP_DEFLATED*")
        return {file.name: file.stat().st_mtime_ns for file in files if file.suffix != ".lock"}

    step(8)
    first = packed()
    assert any("command" in name for name in first)
    step(9)
    assert packed() == first


def test_another_setting_than_the_forkservers_makes_a_run_cold(step: Step) -> None:
    found = step(3, "False")
    assert cold(found["said"]) == [
        "Ansible starts cold: the forkserver's Ansible was started with other settings: ANSIBLE_PIPELINING"
    ]
    assert len(found["results"]) == 8


def test_two_runs_at_once_have_task_ids_of_their_own(server: Forkserver, home: Path, tmp_path: Path) -> None:
    both = [begin(server, home, tmp_path / f"{number}.json", number) for number in (4, 5)]
    assert [child.wait(60) for child in both] == [0, 0]
    one, two = (set(json.loads((tmp_path / f"{number}.json").read_text())["uuids"]) for number in (4, 5))
    assert one
    assert two
    assert not one & two


def asleep() -> list[psutil.Process]:
    return [one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == ["sleep", "978"]]


def wait(condition: Callable[[], Any], seconds: float = 20) -> bool:
    last = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > last:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_end_of_a_step_ends_its_run(server: Forkserver, home: Path, tmp_path: Path, number: signal.Signals) -> None:
    child = begin(server, home, tmp_path / "left.json", 6, play="sleep")
    assert wait(asleep)
    assert cold((tmp_path / "left.said").read_text().splitlines()) == []
    os.kill(child.pid, number)
    assert child.wait(30) == (0 if number == signal.SIGTERM else -signal.SIGKILL)
    assert wait(lambda: not asleep())
    if number == signal.SIGTERM:
        assert json.loads((tmp_path / "left.json").read_text())["outcome"] == "cancelled"


def test_the_end_of_the_forkserver_ends_the_run_and_its_step(home: Path, tmp_path: Path) -> None:
    server = started(home, "crash.sock")
    child = begin(server, home, tmp_path / "left.json", 7, play="sleep")
    assert wait(asleep)
    server.process.kill()
    child.wait(30)
    assert child.reason == "the forkserver ended"
    assert wait(lambda: not asleep())
    server.stop()
