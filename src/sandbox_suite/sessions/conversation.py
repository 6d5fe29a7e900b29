"""A request whose input is said as it comes, for who waits for other things besides: nothing here blocks."""

import contextlib
import json
import socket as sockets
from typing import Any

from sandbox_suite.sessions import answers, frames
from sandbox_suite.sessions.answers import FROM_HOLDER, LONGEST, Ending, Sink
from sandbox_suite.sessions.errors import SessionError


class Conversation:
    """One request to the holder; `fileno` is what to wait for."""

    def __init__(self, line: sockets.socket, asked: dict[str, Any], place: str, timeout: float) -> None:
        self.place = place
        self._line, self._timeout = line, timeout
        self._unsaid = bytearray(frames.pack(frames.REQUEST, 0, json.dumps(asked).encode()))
        self._splitter = frames.Splitter(FROM_HOLDER, LONGEST)

    def fileno(self) -> int:
        """Return the line's descriptor."""
        return self._line.fileno()

    @property
    def unsaid(self) -> int:
        """Bytes that wait until the holder takes them."""
        return len(self._unsaid)

    def tell(self, kind: bytes, payload: bytes = b"") -> None:
        """Have a frame said."""
        self._unsaid += frames.pack(kind, 0, payload)

    def say(self) -> None:
        """Say what the holder takes now. One that is gone is found out by listening."""
        with contextlib.suppress(BlockingIOError):
            try:
                count = self._line.send(self._unsaid)
            except (BrokenPipeError, ConnectionResetError):
                count = len(self._unsaid)
            del self._unsaid[:count]

    def hear(self, sink: Sink) -> Ending | None:
        """Take what came; return the request's end where it is told."""
        try:
            data = self._line.recv(1 << 18)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            raise SessionError(f"{self.place}: the holder of the sessions ended", left="the container")
        ending = answers.heard(self._splitter.feed(data), sink)
        return ending and answers.in_time(ending, self.place, self._timeout)
