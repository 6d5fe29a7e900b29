"""The keeper of one child: its parent, who adopts all its orphans, tells its end, and sees that nothing of it stays.

The child ends when it has done its work, when its caller hangs up, or when the forkserver ends: SIGTERM to its group
first, then, after a grace, SIGKILL to all descendants.
"""

import contextlib
import os
import select
import signal
import socket as sockets
import time
from typing import NoReturn

from sandbox_suite.launch import child, lives, wire

LEFTOVER_GRACE = 1.0  # seconds that descendants have once the child itself has ended
PAUSE = 0.02  # seconds between two looks at descendants that were killed
ORDER_SECONDS = 30.0


class Keeper:
    """Watches one child."""

    def __init__(self, line: sockets.socket) -> None:
        self._line = line
        self._pid = 0
        self._status: int | None = None
        self._ending: float | None = None  # when SIGKILL is due
        self._reason = ""
        self._grace = 0.0
        self._woken, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._waker = waker
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self._end("the forkserver ended"))

    def start(self, order: wire.Order, received: list[int]) -> None:
        """Fork the child."""
        self._grace = order.grace
        keeper = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))  # the child must not spend one on our handler
        self._pid = os.fork()
        if not self._pid:
            for descriptor in (self._woken, self._waker, self._line.detach()):
                os.close(descriptor)
            child.become(order, received, keeper)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))
        for descriptor in received:
            os.close(descriptor)
        wire.tell(self._line, pid=self._pid)

    def watch(self) -> None:
        """Wait for the end of the child and of all that it started; tell it."""
        watched = [self._line.fileno(), self._woken]
        while not self._over():
            ready, _, _ = select.select(watched, [], [], self._patience())
            if self._woken in ready:
                os.read(self._woken, 4096)
            if self._line.fileno() in ready and not self._heard():
                watched = [self._woken]
                self._end("its caller hung up")
            self._reap()
            self._press()
        code = os.waitstatus_to_exitcode(self._status or 0)
        wire.tell(self._line, exit=code, reason=self._reason)

    def _heard(self) -> bool:
        with contextlib.suppress(OSError):
            return bool(self._line.recv(1024))
        return False

    def _end(self, reason: str) -> None:
        if self._ending is None:
            self._reason = reason
            self._ending = time.monotonic() + self._grace
            if self._pid:
                lives.signal_group(self._pid, signal.SIGTERM)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    break
                if pid == self._pid:
                    self._status = status
                    self._leftovers()

    def _leftovers(self) -> None:
        """The child has ended: ask its descendants to end too, with less patience."""
        left = lives.descendants(os.getpid())
        if left:
            lives.signal_all(left, signal.SIGTERM)
            due = time.monotonic() + LEFTOVER_GRACE
            self._ending = due if self._ending is None else min(self._ending, due)

    def _press(self) -> None:
        if self._ending is not None and time.monotonic() >= self._ending:
            lives.signal_all(lives.descendants(os.getpid()), signal.SIGKILL)

    def _over(self) -> bool:
        if self._status is None or lives.descendants(os.getpid()):
            return False
        self._reap()  # what was killed a moment ago
        return True

    def _patience(self) -> float | None:
        if self._ending is None:
            return None
        left = self._ending - time.monotonic()
        return PAUSE if left <= 0 or self._status is not None else left


def keep(line: sockets.socket, forkserver: int) -> NoReturn:
    """Take one order from `line` and see it through; this process was just forked by the forkserver."""
    try:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        lives.adopt_orphans()
        keeper = Keeper(line)
        lives.end_with_parent(forkserver, signal.SIGTERM)
        line.settimeout(ORDER_SECONDS)
        with contextlib.suppress(EOFError, OSError):
            order, received = wire.receive_order(line)
            line.settimeout(None)
            keeper.start(order, received)
            keeper.watch()
    finally:
        os._exit(0)
