"""What the worker's forkserver preloads, and what a step's process is told of it."""

import importlib
import importlib.util
from pathlib import Path

import pytest

from sandbox_suite.core.settings import load
from sandbox_suite.jobs import children, outcome, table
from sandbox_suite.jobs.children import PRELOAD, Children
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.execution import StepCall
from sandbox_suite.jobs.model import Request
from sandbox_suite.jobs.outcome import Outcome
from sandbox_suite.launch.forkserver import LaunchError


@pytest.mark.parametrize("entry", PRELOAD)
def test_what_is_preloaded_is_there(entry: str) -> None:
    module, _, function = entry.partition(":")
    assert importlib.util.find_spec(module)
    assert not function or callable(getattr(importlib.import_module(module), function))


@pytest.fixture
def made(tmp_path: Path) -> Children:
    settings = load(tmp_path / "none.yaml", {"SANDBOX_HOME": str(tmp_path)})
    table.submit(Database(tmp_path), "j1", Request(plan="smoke", tenant="qa", actor="ann"), "2026-01-01T00:00:00.000Z")
    return Children(settings, lambda line: None)


def test_a_step_knows_the_forkserver_that_it_is_a_child_of(made: Children) -> None:
    assert made._environment("j1")["SANDBOX_FORKSERVER"] == str(made.settings.runtime / "forkserver.sock")


def test_settings_of_ansible_in_the_workers_environment_do_not_reach_the_forkserver(
    made: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_REMOTE_USER", "somebody")
    monkeypatch.setenv("NO_COLOR", "1")
    environment = made._server_environment()
    assert {"ANSIBLE_REMOTE_USER", "NO_COLOR"}.isdisjoint(environment)
    assert environment["ANSIBLE_STDOUT_CALLBACK"] == "awx_display"


class Ended:
    """Stands for a step's process that has ended."""

    returncode, reason = 0, ""

    def __enter__(self) -> "Ended":
        return self

    def __exit__(self, *_: object) -> None: ...

    def wait(self, seconds: float | None = None) -> int:
        return 0


class Lost(Ended):
    """One that the end of the forkserver took along."""

    reason = "the forkserver ended"


class Unknown(Ended):
    """One whose keeper ended first."""

    def wait(self, seconds: float | None = None) -> int:
        raise LaunchError("the forkserver ended while it was running")


@pytest.mark.parametrize(
    ("process", "left", "found"),
    [
        (Ended, "cancelled", "cancelled"),
        (Lost, "cancelled", None),  # nobody cancelled: the step is tried again
        (Lost, "ok", "ok"),
        (Unknown, "cancelled", None),
        (Unknown, "failed", "failed"),
    ],
)
def test_a_step_that_was_cut_is_tried_again_and_one_that_was_done_is_not(
    made: Children, monkeypatch: pytest.MonkeyPatch, process: type[Ended], left: str, found: str | None
) -> None:
    monkeypatch.setattr(children.Children, "_hold", lambda self: None)
    monkeypatch.setattr(children.Children, "_start", lambda self, call: process())
    word = left if left in ("ok", "failed", "cancelled") else "ok"
    Outcome(word, 1).write(made.settings.job("j1"), "deploy")  # type: ignore[arg-type]
    ended = made.run_step(StepCall("j1", "deploy", 1), lambda: False)
    assert (ended.outcome if ended else None) == found
    assert outcome.read(made.settings.job("j1"), "deploy", 2) is None
