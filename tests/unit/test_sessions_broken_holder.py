"""The agent alone on its pipes: holders that go away in the middle, or talk nonsense, leave nothing behind."""

import marshal
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_sessions_agent import appears, gone

from sandbox_suite.sessions import bundle, frames
from sandbox_suite.sessions.agent import OF_HOLDER


class Agent:
    """A real agent; we are its holder."""

    def __init__(self) -> None:
        argv, data = bundle.bundle()
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0)
        self._splitter = frames.Splitter(frames.FROM_AGENT, frames.MAX_FROM_AGENT)
        self._heard: list[frames.Frame] = []
        self.write(data)
        assert self.hear().kind == frames.HELLO

    def write(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)

    def say(self, kind: bytes, number: int, payload: bytes = b"") -> None:
        self.write(frames.pack(kind, number, payload))

    def ask(self, number: int, **spec: Any) -> None:
        self.say(frames.REQUEST, number, marshal.dumps({"timeout": 60, **spec}, 2))

    def hear(self) -> frames.Frame:
        assert self.process.stdout
        while not self._heard:
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            assert data, "the agent ended"
            self._heard += self._splitter.feed(data)
        return self._heard.pop(0)

    def ended(self) -> tuple[int, str]:
        assert self.process.stderr
        return self.process.wait(20), self.process.stderr.read().decode()


@pytest.fixture
def agent() -> Iterator[Agent]:
    agent = Agent()
    with agent.process:
        yield agent
        agent.process.kill()


def test_all_requests_end_with_the_holder_though_none_can_be_told(agent: Agent, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        agent.ask(number, op="exec", argv=["sh", "-c", f"echo $$ >{tmp_path}/{number}; sleep 600"])
    agent.ask(4, op="put", path=str(tmp_path / "half"), mode=0o600)
    pids = [appears(tmp_path / str(number)) for number in (1, 2, 3)]
    assert agent.process.stdout
    agent.process.stdout.close()
    agent.say(frames.INPUT, 2, b"which it has to acknowledge")
    assert agent.ended() == (0, "")
    assert all(map(gone, pids))
    assert not (tmp_path / "half").exists()


def test_a_family_that_is_just_growing_is_ended_whole(agent: Agent, tmp_path: Path) -> None:
    line = f"for each in $(seq 150); do sleep 600 & echo $! >>{tmp_path}/pids; done; wait"
    agent.ask(1, op="exec", argv=["sh", "-c", line], timeout=0.1)
    assert frames.EXIT_BODY.unpack_from(agent.hear().payload)[1] == frames.TIMED_OUT
    assert all(gone(int(pid)) for pid in (tmp_path / "pids").read_text().split())


@pytest.mark.parametrize(
    "odd", [{"op": "nonsense"}, {"argv": None}, {"timeout": "soon"}, {"timeout": float("nan")}, {"env": [1]}]
)
def test_a_request_that_makes_no_sense_is_refused_and_holds_up_no_other(agent: Agent, odd: dict[str, Any]) -> None:
    agent.ask(1, **{"op": "exec", "argv": ["true"], **odd})
    assert frames.EXIT_BODY.unpack_from(agent.hear().payload)[1] == frames.REFUSED
    agent.ask(2, op="exec", argv=["true"], timeout=1e12)
    assert agent.hear() == (frames.EXIT, 2, frames.EXIT_BODY.pack(0, frames.ENDED))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"nonsense" * 2, "a frame of unknown kind b'n'"),
        (frames.pack(frames.REQUEST, 1, b"nonsense"), "a request that cannot be read"),
        (frames.pack(frames.CREDIT, 7, b"\0"), "an acknowledgement of another length"),
        (frames.pack(frames.INPUT, 7, b"z" * ((1 << 20) + (1 << 17))), "input beyond the window"),
        (frames.pack(frames.REQUEST, 7, marshal.dumps({}, 2)), "a request under the number of another"),
    ],
)
def test_who_breaks_the_protocol_is_told_why_the_agent_ends(agent: Agent, said: bytes, words: str) -> None:
    agent.ask(7, op="exec", argv=["sleep", "600"])
    agent.write(said)
    assert agent.ended() == (OF_HOLDER, f"the holder broke the session protocol: {words}\n")


def test_an_idle_agent_ends_with_its_pipe(agent: Agent) -> None:
    assert agent.process.stdin
    agent.process.stdin.close()
    assert agent.ended() == (0, "")
