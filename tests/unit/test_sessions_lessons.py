"""An agent that does not learn, or a holder that ends, while a session is being made ready."""

import asyncio
import sys
from pathlib import Path

import pytest
from sessions_local import LocalEngine, serving
from test_sessions_hostile import HELLO

from sandbox_suite.sessions import opening, session
from sandbox_suite.sessions.client import Client
from sandbox_suite.sessions.errors import SessionError
from sandbox_suite.sessions.library import Library
from tests.chaos import sessions_payload


def test_a_module_fails_in_its_time_where_the_agent_does_not_learn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "GRACE", 0.3)
    engine = LocalEngine((sys.executable, "-c", HELLO + "time.sleep(60)"))
    with (
        serving(engine, tmp_path / "s"),
        Client(tmp_path / "s", "box") as client,
        pytest.raises(SessionError, match="the agent does not learn; its session was closed"),
    ):
        client.module(sessions_payload.COMMAND, sessions_payload.payload(), timeout=0.5)


def test_a_holder_that_ends_while_a_session_opens_leaves_nothing_of_it() -> None:
    async def violated(_: str) -> str:
        return ""

    async def opened_and_ended() -> int:
        engine = LocalEngine((sys.executable, "-c", "import time; time.sleep(60)"))
        opening_it = asyncio.create_task(opening.open_session(engine, "box", None, violated, Library()))
        while not engine.agents:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        opening_it.cancel()
        await asyncio.wait([opening_it])
        code = await engine.agents[0].wait()
        await asyncio.sleep(0.01)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return code

    assert asyncio.run(opened_and_ended()) == -9
