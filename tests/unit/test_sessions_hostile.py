"""A container is not trusted: agents that lie, flood, babble or say nothing give a clear error, and are ended."""

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sessions_local import LocalEngine, serving

from sandbox_suite.sessions import frames, opening, session
from sandbox_suite.sessions.client import Client, Sender
from sandbox_suite.sessions.engine_api import STDOUT
from sandbox_suite.sessions.errors import SessionError
from sandbox_suite.sessions.line import SessionFailedError

HELLO = """
import os, struct, sys, time
def say(kind, number, data=b""): os.write(1, struct.pack(">cII", kind, number, len(data)) + data)
def hear(): os.read(0, 1 << 20)
say(b"H", 0, struct.pack(">HBBBI", 1, 3, 11, 1, 7))
time.sleep(0.3); hear()
"""
VIOLATIONS = {
    "babbles": ("import os, time; os.write(1, b'x' * 100000); time.sleep(60)", "a frame of unknown kind b'x'"),
    "babbles-later": (HELLO + "os.write(1, b'hello, world'); time.sleep(60)", "a frame of unknown kind b'h'"),
    "huge": (HELLO + "os.write(1, struct.pack('>cII', b'O', 1, 1 << 31)); time.sleep(60)", "a frame of 2147483648 b"),
    "trickles": (HELLO + "while True: say(b'O', 1)", "output beyond the window"),
    "acknowledges-too-much": (HELLO + "say(b'A', 1, b'\\xff' * 4); time.sleep(60)", "more acknowledged than was sent"),
    "acknowledges-oddly": (HELLO + "say(b'A', 1, b'\\xff'); time.sleep(60)", "an acknowledgement of another length"),
    "answers-nobody": (HELLO + "say(b'O', 99, b'z'); time.sleep(60)", "a frame for no request of ours"),
    "greets-twice": (HELLO + "say(b'H', 1, b'\\0' * 9); time.sleep(60)", "a frame for no request of ours"),
    "ends-empty": (HELLO + "say(b'X', 1); time.sleep(60)", "an end of another length"),
    "ends-oddly": (HELLO + "say(b'X', 1, struct.pack('>iB', 0, 9)); time.sleep(60)", "an end of unknown kind 9"),
    "speaks-another-protocol": (
        "import os, struct, time; os.write(1, struct.pack('>cIIHBBBI', b'H', 0, 9, 7, 3, 1, 1, 1)); time.sleep(60)",
        "protocol 7",
    ),
}


@pytest.fixture(autouse=True, scope="module")
def _impatient() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "GRACE", 0.3)
        patch.setattr(session, "STRAY_SECONDS", 0.2)
        patch.setattr(opening, "HELLO_SECONDS", 1.0)
        yield


@pytest.mark.parametrize("way", VIOLATIONS)
def test_who_breaks_the_protocol_is_named_and_its_container_killed(way: str, tmp_path: Path) -> None:
    program, words = VIOLATIONS[way]
    engine = LocalEngine((sys.executable, "-c", program))
    with (
        serving(engine, tmp_path / "s") as records,
        Client(tmp_path / "s", "box") as client,
        pytest.raises(SessionError) as caught,
    ):
        client.exec(["true"], timeout=5)
    assert words in str(caught.value)
    assert "its container was killed" in str(caught.value)
    assert set(engine.killed) == {"id-of-box"}
    assert records[0][0] == "violation"
    assert words in records[0][1]["what"]


def test_who_talks_on_when_its_time_is_up_is_no_silent_one(tmp_path: Path) -> None:
    engine = LocalEngine((sys.executable, "-c", HELLO + "while True: say(b'O', 1, b'z' * 65536); time.sleep(0.01)"))
    with (
        serving(engine, tmp_path / "s"),
        Client(tmp_path / "s", "box") as client,
        pytest.raises(SessionError, match=r"output beyond the window.*its container was killed"),
    ):
        client.exec(["true"], timeout=0.5)
    assert engine.killed


class Slow(LocalEngine):
    """Takes longer to kill than a request has time."""

    async def kill(self, container: str) -> None:
        await asyncio.sleep(2)
        await super().kill(container)


def test_who_broke_the_protocol_is_killed_though_the_request_fails_before(tmp_path: Path) -> None:
    engine = Slow((sys.executable, "-c", HELLO + "while True: say(b'O', 1)"))
    with serving(engine, tmp_path / "s") as records, Client(tmp_path / "s", "box") as client:
        with pytest.raises(SessionError):
            client.exec(["true"], timeout=0.5)
        while not records:
            client.stat()
    assert engine.killed
    assert records[0][1]["done"] == "its container was killed"


def test_an_agent_that_answers_and_then_talks_on_is_a_violation_too(tmp_path: Path) -> None:
    engine = LocalEngine(
        (sys.executable, "-c", HELLO + "say(b'X', 1, b'\\0' * 5); say(b'O', 1, b'late'); time.sleep(60)")
    )
    with serving(engine, tmp_path / "s") as records, Client(tmp_path / "s", "box") as client:
        client.exec(["true"], timeout=5)
        while not records:
            client.stat()
    assert records[0][0] == "violation"


def test_who_floods_a_client_that_does_not_read_is_stopped_at_the_window(tmp_path: Path) -> None:
    engine = LocalEngine((sys.executable, "-c", HELLO + "while True: say(b'O', 1, b'z' * 65536)"))
    with serving(engine, tmp_path / "s") as records, Client(tmp_path / "s", "box") as watcher:
        slow = Client(tmp_path / "s", "box")
        asked = {"op": "exec", "argv": ["true"], "container": "box", "user": None, "timeout": 60}
        slow._dial().sendall(bytes(Sender(asked, None).waiting()))
        while not records:
            watcher.stat()
        slow.close()
    assert records[0][1]["what"] == "output beyond the window"


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import time; time.sleep(60)", "the agent did not start within 1 s"),
        (HELLO + "time.sleep(60)", "the agent does not answer; its session was closed"),
        ("import sys; sys.exit('no module named encodings')", "the session ended: no module named encodings"),
        ("print('OCI runtime exec failed: no such user')", "the session ended: OCI runtime exec failed: no such user"),
        (HELLO + "os._exit(0)", "the session ended"),
    ],
)
def test_silent_and_dead_agents_fail_within_the_limit_and_leave_the_container(
    program: str, words: str, tmp_path: Path
) -> None:
    engine = LocalEngine((sys.executable, "-c", program))
    with (
        serving(engine, tmp_path / "s"),
        Client(tmp_path / "s", "box") as client,
        pytest.raises(SessionError, match=words),
    ):
        client.exec(["true"], timeout=1.5)
    assert not engine.killed


class Tape:
    """A carrier that plays what an agent might say."""

    def __init__(self, data: bytes) -> None:
        hello = frames.HELLO_BODY.pack(frames.PROTOCOL, 3, 11, 1, 7)
        self.pieces = [[(STDOUT, frames.pack(frames.HELLO, 0, hello))], [(STDOUT, data)] if data else []]

    async def read(self) -> list[tuple[int, bytes]]:
        await asyncio.sleep(0)
        return self.pieces.pop(0) if self.pieces else []

    def write(self, data: bytes) -> None: ...

    async def drain(self) -> None: ...

    def end_input(self) -> None: ...

    async def exit_code(self) -> int | None:
        return None

    def close(self) -> None: ...


class Deaf:
    """A client's line that takes everything and says nothing."""

    def __init__(self) -> None:
        self.ends: list[int] = []

    async def receive(self) -> frames.Frame:
        return await asyncio.Future()

    def send(self, kind: bytes, payload: bytes) -> None: ...

    def end(self, code: int, how: int = 0, words: bytes = b"") -> None:
        self.ends.append(how)

    async def drain(self) -> None: ...


FRAMES = st.lists(
    st.builds(
        frames.pack,
        st.sampled_from([bytes([kind]) for kind in frames.FROM_AGENT + frames.TO_AGENT]),
        st.sampled_from([0, 1, 1, 1, 2]),
        st.one_of(st.binary(max_size=12), st.just(frames.EXIT_BODY.pack(0, 0)), st.just(b"z" * 100_000)),
    ),
    max_size=20,
)


@given(FRAMES, st.integers(0, 40))
def test_whatever_an_agent_says_a_request_ends_or_fails_in_words(said: list[bytes], cut: int) -> None:
    async def converse() -> list[int]:
        async def violated(_: str) -> str:
            return "its container was killed"

        data = b"".join(said)
        line, talk = Deaf(), session.Session("box", Tape(data[: len(data) - cut]), violated)
        with contextlib.suppress(SessionFailedError):
            await talk.perform({"op": "exec", "argv": ["true"], "timeout": 5}, line)  # type: ignore[arg-type]
        talk.close("the test is over")
        return line.ends

    assert asyncio.run(asyncio.wait_for(converse(), 20)) in ([], [0], [1], [2], [3])


def test_words_from_a_container_cannot_steer_a_terminal(tmp_path: Path) -> None:
    engine = LocalEngine((sys.executable, "-c", "import sys; sys.exit('\\x1b[2Jgone\\r\\nquiet')"))
    with (
        serving(engine, tmp_path / "s"),
        Client(tmp_path / "s", "box") as client,
        pytest.raises(SessionError) as caught,
    ):
        client.exec(["true"], timeout=1)
    assert "\x1b" not in str(caught.value)
