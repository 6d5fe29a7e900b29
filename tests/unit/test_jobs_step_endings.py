"""How a step ends that was told to end: never well, whatever it made of the signal."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox_suite.core.clock import utc_now
from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.settings import load
from sandbox_suite.jobs.model import Request
from sandbox_suite.jobs.outcome import Outcome
from sandbox_suite.jobs.steps import running
from sandbox_suite.jobs.steps.context import Context

Attempt = Callable[[Callable[[Context], dict[str, Any]]], Outcome]


@pytest.fixture
def attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Attempt]:
    """Attempt a step that does what is given."""
    before = signal.signal(signal.SIGTERM, running._cancelled)
    settings = load(tmp_path / "none.yaml", {"SANDBOX_HOME": str(tmp_path)})
    context = Context("j1", "odd", 1, Request("smoke", "qa", "ann"), tmp_path, settings, lambda line: None, utc_now)

    def attempted(does: Callable[[Context], dict[str, Any]]) -> Outcome:
        monkeypatch.setitem(sys.modules, "sandbox_suite.jobs.steps.odd", SimpleNamespace(run=does))  # type: ignore[arg-type]
        return running._attempt(context)

    yield attempted
    running._told_to_end.clear()
    signal.signal(signal.SIGTERM, before)


def swallows(context: Context) -> dict[str, Any]:
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    except Exception:
        return {"failed": ["a check that was cut"]}
    return {}


def turns_it_into_another_error(context: Context) -> dict[str, Any]:
    if swallows(context):
        raise InfrastructureError("the run broke off")
    return {}


@pytest.mark.parametrize("does", [swallows, turns_it_into_another_error])
def test_a_step_that_was_told_to_end_is_cancelled(attempt: Attempt, does: Callable[[Context], dict[str, Any]]) -> None:
    assert attempt(does).outcome == "cancelled"


def test_a_step_that_was_left_alone_ends_as_it_says(attempt: Attempt) -> None:
    assert attempt(lambda context: {"rows": 1}) == Outcome("ok", 1, made={"rows": 1})
