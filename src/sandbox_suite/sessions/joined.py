"""Our standard streams joined to those of a process in a container. What waits to be passed on is little, both ways."""

import contextlib
import errno
import os
import select
import signal
from collections.abc import Callable
from typing import Protocol

from sandbox_suite.sessions import frames, terminal
from sandbox_suite.sessions.answers import Ending, Sink
from sandbox_suite.sessions.terminal import Signals

KEPT = 1 << 16  # bytes in our hands, each way, above which no more are taken
PIECE = 4096  # bytes shown at once: as many as a pipe or terminal takes soon when it takes any
QUIET_SECONDS = 10.0  # with something of ours unanswered: then it is asked whether anybody is there
KEYS, SHOWN, ERRORS = 0, 1, 2


class Talk(Protocol):
    """A process in a container, as something to wait for."""

    @property
    def unsaid(self) -> int: ...
    def fileno(self) -> int: ...
    def tell(self, kind: bytes, payload: bytes = b"") -> None: ...
    def say(self) -> None: ...
    def hear(self, sink: Sink) -> Ending | None: ...


Source = Talk | Signals | int


class Joined:
    """The joint. `windowed`: the process has a terminal, which is to have our window's size."""

    def __init__(self, talk: Talk, signals: Signals, windowed: bool, look: Callable[[], object]) -> None:
        self._talk, self._signals, self._windowed, self._look = talk, signals, windowed, look
        self._held = {SHOWN: bytearray(), ERRORS: bytearray()}  # came, not yet shown
        self._ending: Ending | None = None
        self._left = 0  # the signal that ends us
        self._typing = self._unanswered = True

    def run(self) -> Ending:
        """Pass on until the process has ended and all of its output is shown, or we are to end (128 + the signal)."""
        self._ending = self._talk.hear(self._keep)  # it may have been quick
        while not self._left and (self._ending is None or any(self._held.values())):
            self._turn()
        if self._left:
            return Ending(128 + self._left, frames.ENDED, "")
        assert self._ending
        return self._ending

    def _turn(self) -> None:
        saying: list[Source] = [self._talk] if self._talk.unsaid and not self._ending else []
        showing = [stream for stream, held in self._held.items() if held]
        patience = QUIET_SECONDS if self._unanswered and not showing else None
        readable, writable, _ = select.select(self._heeded(), [*saying, *showing], [], patience)
        if not readable and not writable:
            self._unanswered = False
            self._look()
        if self._talk in writable:
            self._talk.say()
        for stream in showing:
            if stream in writable:
                self._show(stream)
        if self._signals in readable:
            self._heed(self._signals.came())
        if KEYS in readable:
            self._type()
        if self._talk in readable:
            self._ending = self._talk.hear(self._keep)

    def _heeded(self) -> list[Source]:
        heeded: list[Source] = [self._signals]
        if not self._ending and sum(map(len, self._held.values())) < KEPT:
            heeded.append(self._talk)
        if self._typing and not self._ending and self._talk.unsaid < KEPT:
            heeded.append(KEYS)
        return heeded

    def _heed(self, came: bytes) -> None:
        if signal.SIGCONT in came and self._windowed:
            terminal.make_raw()
        if (signal.SIGWINCH in came or signal.SIGCONT in came) and self._windowed and not self._ending:
            self._talk.tell(frames.SIZE, frames.SIZE_BODY.pack(*terminal.size()))
        self._left = next((number for number in terminal.ENDING if number in came), self._left)

    def _type(self) -> None:
        """Pass on what was typed. Its end is that of a pipe; a terminal has none: it is gone, and we with it."""
        data = b""
        with contextlib.suppress(OSError):
            data = os.read(KEYS, KEPT)
        self._typing, self._unanswered = bool(data), True
        if data or not self._windowed:
            self._talk.tell(frames.INPUT, data)
        else:
            self._left = signal.SIGHUP

    def _keep(self, kind: bytes, data: bytes) -> None:
        self._unanswered = False
        self._held[SHOWN if kind == frames.OUTPUT else ERRORS] += data

    def _show(self, stream: int) -> None:
        held = self._held[stream]
        try:
            count = os.write(stream, held[:PIECE])
        except BlockingIOError:  # somebody else made it so; it is waited for
            count = 0
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):
                raise
            self._left = signal.SIGPIPE if error.errno == errno.EPIPE else signal.SIGHUP  # nobody looks any more
            return
        del held[:count]
