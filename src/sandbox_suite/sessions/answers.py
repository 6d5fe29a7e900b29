"""What a holder answers to a request, as a client reads it: its output, then its end or why it failed."""

import errno
import json
from collections.abc import Callable, Iterable
from typing import NamedTuple

from sandbox_suite.sessions import frames
from sandbox_suite.sessions.errors import SessionError, SessionTimeoutError, SessionUnopenedError

FROM_HOLDER = frames.HELLO + frames.OUTPUT + frames.ERROR + frames.EXIT + frames.FAILURE
LONGEST = 1 << 24  # bytes of a frame from the holder, which is trusted
NOT_EXECUTABLE, NOT_FOUND = 126, 127
Sink = Callable[[bytes, bytes], None]


class Ending(NamedTuple):
    """How a request ended (see `frames`); `words` say why it was refused, and are fit for a terminal."""

    code: int
    how: int
    words: str

    @property
    def status(self) -> int:
        """The exit code of a command; of one that could not be started as a shell has it."""
        if self.how == frames.REFUSED:
            return NOT_FOUND if self.code == errno.ENOENT else NOT_EXECUTABLE
        return self.code


def heard(said: Iterable[frames.Frame], sink: Sink) -> Ending | None:
    """Give output to `sink`; return the end where it is told, raise SessionError where the session failed."""
    for frame in said:
        if frame.kind == frames.EXIT:
            return _ending(frame.payload)
        if frame.kind == frames.FAILURE:
            raise _failed(frame.payload)
        sink(frame.kind, frame.payload)
    return None


def in_time(ending: Ending, place: str, seconds: float) -> Ending:
    """Return the end of a request that came to it; raise SessionError where it was cut short."""
    if ending.how == frames.TIMED_OUT:
        raise SessionTimeoutError(
            f"{place}: not done within {seconds:g} s; its processes were ended", left="the container"
        )
    if ending.how == frames.CANCELLED:
        raise SessionError(f"{place}: the request was cancelled")
    return ending


def _ending(payload: bytes) -> Ending:
    code, how = frames.EXIT_BODY.unpack_from(payload)
    words = payload[frames.EXIT_BODY.size :].decode(errors="replace")
    return Ending(code, how, "".join(letter if letter.isprintable() else " " for letter in words))


def _failed(payload: bytes) -> SessionError:
    failed = json.loads(payload)
    if failed["begun"]:
        left = "the container; the request may have been begun"
        return SessionError(failed["what"], left=left, remedy=failed["remedy"])
    return SessionUnopenedError(failed["what"], left="nothing was begun", remedy=failed["remedy"])
