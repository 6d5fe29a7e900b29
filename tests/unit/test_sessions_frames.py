"""Frames are cut out of any stream of bytes, and nothing but agreed frames gets through."""

import ast
import marshal
import os
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_suite.sessions import bundle, frames
from sandbox_suite.sessions.frames import Frame, ProtocolError, Splitter

FRAMES = st.lists(
    st.builds(Frame, st.sampled_from([frames.OUTPUT, frames.EXIT]), st.integers(0, 2**32 - 1), st.binary(max_size=40))
)


@given(FRAMES, st.lists(st.integers(1, 20)))
def test_frames_come_out_as_they_went_in_however_the_stream_is_cut(sent: list[Frame], cuts: list[int]) -> None:
    splitter, stream, got = Splitter(frames.FROM_AGENT, 64), b"".join(frames.pack(*frame) for frame in sent), []
    for cut in [*cuts, len(stream)]:
        got += splitter.feed(stream[:cut])
        stream = stream[cut:]
    assert got == sent


@given(st.binary(min_size=frames.HEADER.size, max_size=200))
def test_garbage_gives_frames_or_a_protocol_error_and_nothing_else(data: bytes) -> None:
    try:
        got = Splitter(frames.FROM_AGENT, 64).feed(data)
    except ProtocolError:
        return
    assert all(frame.kind in frames.FROM_AGENT and len(frame.payload) <= 64 for frame in got)


def test_a_long_frame_is_refused_before_it_is_read() -> None:
    with pytest.raises(ProtocolError, match="131073 bytes; 131072 are allowed"):
        Splitter(frames.FROM_AGENT, frames.MAX_FROM_AGENT).feed(
            frames.HEADER.pack(frames.OUTPUT, 1, frames.MAX_FROM_AGENT + 1)
        )


def test_a_kind_that_only_the_holder_sends_is_refused_from_an_agent() -> None:
    with pytest.raises(ProtocolError, match="unknown kind b'R'"):
        Splitter(frames.FROM_AGENT, 64).feed(frames.pack(frames.REQUEST, 1))


@pytest.mark.parametrize("name", bundle.MODULES)
def test_what_runs_in_the_container_is_python_3_8(name: str) -> None:
    text = (Path(bundle.__file__).parent / f"{name}.py").read_text()
    tree = ast.parse(text, feature_version=(3, 8))
    later = {"removeprefix", "removesuffix", "pidfd_open", "waitstatus_to_exitcode"}
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not used & later
    assert "from __future__ import annotations" in text


def test_the_bundle_holds_the_agents_modules_and_boots_by_reading_exactly_itself() -> None:
    argv, data = bundle.bundle()
    names = [name for name, _ in marshal.loads(zlib.decompress(data))]
    assert names[-1] == "sandbox_suite.sessions.agent"
    assert f"left={len(data)};" in argv[-1]
    assert argv[:4] == ("python3", "-I", "-X", "utf8")
    assert len(argv[-1]) + len(data) < os.sysconf("SC_ARG_MAX")
