"""The worker keeps the sessions' holder up, and what the holder recorded of a job's containers is in its audit log."""

import datetime
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox_suite.audit import log
from sandbox_suite.core.settings import Settings, load
from sandbox_suite.jobs.model import Request
from sandbox_suite.jobs.sessions import Holding, note_incidents
from sandbox_suite.sessions import holder
from sandbox_suite.sessions.client import Client

REQUEST = Request(plan="smoke", tenant="qa", actor="ann")


def clock() -> datetime.datetime:
    return datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    settings = load(tmp_path / "none.yaml", {"SANDBOX_HOME": str(tmp_path)})
    settings.runtime.mkdir(mode=0o700)
    yield settings
    holder.stop(settings.runtime)
    shutil.rmtree(settings.runtime, ignore_errors=True)


def facts(settings: Settings) -> dict[str, Any]:
    with Client(settings.runtime / holder.SOCKET, "") as client:
        return client.stat()


def test_one_line_stays_open_and_a_holder_that_was_killed_is_started_again(settings: Settings) -> None:
    holding = Holding(settings.runtime)
    holding.look()
    first = facts(settings)
    assert first["clients"] == 2
    holding.look()
    assert facts(settings)["holder"] == first["holder"]
    os.kill(first["holder"], 9)
    while holder.answers(settings.runtime / holder.SOCKET):
        pass
    holding.look()
    second = facts(settings)
    assert second["holder"] != first["holder"]
    assert second["clients"] == 2
    holding.close()


def recorded(settings: Settings, *records: dict[str, Any]) -> None:
    with (settings.runtime / holder.LOG).open("a") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


def incident(event: str, container: str, at: str) -> dict[str, Any]:
    return {"at": at, "event": event, "container": container, "user": "powerx", "what": "not a frame"}


def test_incidents_of_the_jobs_containers_are_noted_once_and_others_are_not(settings: Settings) -> None:
    recorded(
        settings,
        {"at": "t0", "event": "started", "pid": 1},
        incident("violation", "sbx-j1-plugin", "t1"),
        incident("violation", "sbx-j11-plugin", "t2"),
    )
    assert note_incidents(settings, "j1", REQUEST, clock, "deploy", 1) == 1
    recorded(settings, incident("reopened", "sbx-j1-plugin", "t3"))
    assert note_incidents(settings, "j1", REQUEST, clock, "load", 2) == 1
    assert note_incidents(settings, "j1", REQUEST, clock, "regress", 1) == 0
    written = log.read(settings.job("j1") / "audit.jsonl")
    assert [(one.action, one.target, one.outcome, one.step, one.attempt) for one in written] == [
        ("session.violation", "sbx-j1-plugin", "failed", "deploy", 1),
        ("session.reopen", "sbx-j1-plugin", "ok", "load", 2),
    ]
    assert written[0].details["what"] == "not a frame"


def test_without_incidents_nothing_is_written(settings: Settings) -> None:
    assert note_incidents(settings, "j1", REQUEST, clock, "deploy", 1) == 0
    assert not (settings.job("j1") / "audit.jsonl").exists()
