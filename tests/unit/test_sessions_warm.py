"""Modules in children of a real agent: equal to a Python of their own, apart from each other, cold where not fit."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sessions_local import serving
from sessions_payloads import FitEngine, command, payload

from sandbox_suite.sessions import warm
from sandbox_suite.sessions.client import Client
from sandbox_suite.sessions.errors import SessionTimeoutError


@contextmanager
def session(home: Path, **variables: str) -> Iterator[Client]:
    with serving(FitEngine(home, **variables), home / "s"), Client(home / "s", "box") as client:
        yield client


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with session(tmp_path) as client:
        yield client


def answer(client: Client, data: bytes, settings: str = "") -> Any:
    done = client.module(command(settings), data)
    assert done.rc == 0, done
    return json.loads(done.out)["answer"]


def counts(client: Client) -> tuple[int, int]:
    facts = client.stat()
    return facts["warm"], facts["cold"]


def living(pid: str) -> bool:
    return Path(f"/proc/{pid}/maps").exists() and bool(Path(f"/proc/{pid}/maps").read_text())


def test_a_module_gives_the_same_warm_and_cold(client: Client, tmp_path: Path) -> None:
    data = payload(tmp_path)
    assert client.module(command(), data) == client.module(command(), data, warm=False)
    assert counts(client) == (1, 1)
    assert client.stat()["coldly"] == "not wanted"


def test_wrong_arguments_crashes_and_exits_are_the_same_too(client: Client, tmp_path: Path) -> None:
    bodies = ["raise RuntimeError('x')", "raise SystemExit(7)", "raise SystemExit('words')", "return", "os.abort()"]
    for body in bodies:
        data = payload(tmp_path, f"import os; {body}")
        assert client.module(command(), data) == client.module(command(), data, warm=False), body
    data = payload(tmp_path, number="no number")
    assert client.module(command(), data) == client.module(command(), data, warm=False)
    assert counts(client) == (6, 6)


def test_variables_reach_one_module_only(client: Client, tmp_path: Path) -> None:
    data = payload(tmp_path, "import os; answer = os.environ.get('A', 'none')")
    assert [answer(client, data, "A='b c' "), answer(client, data)] == ["b c", "none"]


def test_modules_see_nothing_of_each_other(client: Client, tmp_path: Path) -> None:
    mark = payload(tmp_path, "import builtins, ansible; answer = hasattr(builtins, 'x'); builtins.x = ansible.x = 1")
    assert [answer(client, mark), answer(client, mark)] == [False, False]
    chance = payload(tmp_path, "import random; answer = random.random()", "chance")
    assert answer(client, chance) != answer(client, chance)
    hidden = "answer = __import__('importlib.util').util.find_spec('ansible.module_utils.urls') is None"
    asked, used = payload(tmp_path, hidden, "asked"), payload(tmp_path, "import ansible.module_utils.urls", "used")
    assert answer(client, used)
    assert answer(client, asked) is True
    assert counts(client) == (6, 0)


def test_a_changed_module_runs_as_it_is_now(client: Client, tmp_path: Path) -> None:
    assert answer(client, payload(tmp_path, "answer = 1")) == 1
    assert answer(client, payload(tmp_path, "answer = 2")) == 2
    assert counts(client) == (2, 0)


def test_what_the_agent_has_loaded_in_another_version_runs_cold(client: Client, tmp_path: Path) -> None:
    answer(client, payload(tmp_path))
    (tmp_path / "utils").mkdir()
    (tmp_path / "utils" / "basic.py").write_text("raise ImportError('another basic')\n")
    from ansible.plugins.loader import module_utils_loader

    module_utils_loader.add_directory(str(tmp_path / "utils"))
    try:
        data = payload(tmp_path, name="other")
    finally:
        module_utils_loader._extra_dirs.remove(str(tmp_path / "utils"))
        module_utils_loader._clear_caches()
    assert b"another basic" in client.module(command(), data).err
    assert counts(client) == (1, 1)
    assert client.stat()["coldly"] == "another ansible.module_utils.basic is loaded"


def test_other_python_versions_are_taught_the_text(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm, "OURS", (2, 7))
    assert answer(client, payload(tmp_path)) == "täxt"
    assert counts(client) == (1, 0)


@pytest.mark.parametrize(
    ("variables", "why"),
    [({"PYTHONPATH": "/x"}, "PYTHON* variables"), ({"LC_ALL": "de_DE.ISO-8859-1"}, "a locale that is not UTF-8")],
)
def test_an_agent_unlike_a_fresh_python_runs_all_cold(variables: dict[str, str], why: str, tmp_path: Path) -> None:
    with session(tmp_path, **variables) as client:
        assert answer(client, payload(tmp_path)) == "täxt"
        assert counts(client) == (0, 1)
        assert client.stat()["coldly"] == why


def test_another_interpreter_runs_cold(client: Client, tmp_path: Path) -> None:
    (tmp_path / "python3").symlink_to("/bin/cat")
    data = payload(tmp_path)
    assert client.module(command(python=str(tmp_path / "python3")), data).out == data
    assert client.stat()["coldly"] == "another interpreter"


def test_a_session_opened_warm_has_learnt_before_the_first_module(client: Client, tmp_path: Path) -> None:
    data = payload(tmp_path)
    answer(client, data)
    with Client(client.socket, "another box") as other:
        other.open(warm=True)
        while (other.stat().get("requests") or 0) < 1:
            time.sleep(0.01)
        answer(other, data)
        assert other.stat()["warm"] == 1


def test_a_module_whose_time_is_up_is_ended_with_all_it_started(client: Client, tmp_path: Path) -> None:
    answer(client, payload(tmp_path))
    pids = tmp_path / "pids"
    noted = f"open({str(pids)!r}, 'a').write(f'{{os.getpid()}} ')"
    body = f"import os; os.fork() or os.setsid(); {noted}; os.system('sleep 60')"
    with pytest.raises(SessionTimeoutError):
        client.module(command(), payload(tmp_path, body, "slow"), timeout=1)
    for pid in pids.read_text().split():
        until = time.monotonic() + 5
        while living(pid) and time.monotonic() < until:
            time.sleep(0.01)
        assert not living(pid)


def test_modules_run_side_by_side(client: Client, tmp_path: Path) -> None:
    datas = [payload(tmp_path, f"answer = {number}", f"m{number}") for number in range(6)]
    answers: list[Any] = []

    def one(data: bytes) -> None:
        with Client(client.socket, "box") as own:
            answers.append(answer(own, data))

    threads = [threading.Thread(target=one, args=(data,)) for data in datas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(6))
    assert counts(client) == (6, 0)
