"""Frames: the one spelling of what passes between client, holder and agent.

A frame is a fixed header (kind, request number, length) and its payload. This file is also sent into the container
with the agent, so it keeps to the standard library and to Python 3.8.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

HEADER = struct.Struct(">cII")  # kind, request number, bytes that follow
HELLO_BODY = struct.Struct(">HBBBI")  # protocol, Python major and minor, 1 when not dumpable, agent's pid
EXIT_BODY = struct.Struct(">iB")  # exit code (or errno), how it ended; up to WORDS bytes of explanation follow
SIZE_BODY = struct.Struct(">HH")  # lines and columns of a terminal
CREDIT_BODY = struct.Struct(">I")  # bytes the receiver has passed on

PROTOCOL = 1
CHUNK = 1 << 16  # what one read or write moves
WINDOW = 1 << 20  # bytes of one request, each way, that may be under way without an acknowledgement
MAX_FROM_AGENT = 1 << 17  # longest payload a container may send
MAX_TO_AGENT = 1 << 23  # longest payload the holder sends: a request with its arguments
WORDS = 1000

HELLO = b"H"  # agent -> holder -> client: here I am
REQUEST = b"R"  # what to do
INPUT = b"I"  # bytes for it; an empty one is the end of them
OUTPUT = b"O"  # its standard output, or the bytes of a file
ERROR = b"E"  # its standard error
CREDIT = b"A"  # so many bytes were passed on: send as many more
SIZE = b"W"  # its terminal has another size
CANCEL = b"C"  # end it
EXIT = b"X"  # its end; nothing follows for this number
FAILURE = b"!"  # holder -> client: the session failed, in words

FROM_AGENT = HELLO + OUTPUT + ERROR + CREDIT + EXIT
TO_AGENT = REQUEST + INPUT + CREDIT + SIZE + CANCEL

ENDED, REFUSED, TIMED_OUT, CANCELLED = range(4)  # how a request ended


class ProtocolError(Exception):
    """The other side does not keep to the protocol."""


class Frame(NamedTuple):
    """One frame."""

    kind: bytes
    number: int
    payload: bytes


def pack(kind: bytes, number: int, payload: bytes = b"") -> bytes:
    """Return a frame's bytes."""
    return HEADER.pack(kind, number, len(payload)) + payload


class Splitter:
    """Cuts a stream of bytes into frames, refusing kinds and lengths that were not agreed on."""

    def __init__(self, kinds: bytes, longest: int) -> None:
        self._kinds, self._longest = kinds, longest
        self._held = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that `data` completes; raise ProtocolError at the first one out of order."""
        self._held += data
        frames, at = [], 0
        while len(self._held) - at >= HEADER.size:
            kind, number, length = HEADER.unpack_from(self._held, at)
            self._check(kind, length)
            end = at + HEADER.size + length
            if len(self._held) < end:
                break
            frames.append(Frame(kind, number, bytes(self._held[at + HEADER.size : end])))
            at = end
        del self._held[:at]
        return frames

    def _check(self, kind: bytes, length: int) -> None:
        if kind not in self._kinds:
            raise ProtocolError(f"a frame of unknown kind {kind!r}")
        if length > self._longest:
            raise ProtocolError(f"a frame of {length} bytes; {self._longest} are allowed")
