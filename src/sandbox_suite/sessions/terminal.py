"""Our own terminal, lent to a program in a container: raw meanwhile, put back whatever happens."""

import contextlib
import os
import signal
import termios
import tty
from collections.abc import Iterator
from types import FrameType
from typing import Self

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HEEDED = (*ENDING, signal.SIGWINCH, signal.SIGCONT)
USUAL_SIZE = os.terminal_size((80, 24))  # of one that does not know


def ours() -> bool:
    """Say whether somebody types, and looks, at a terminal."""
    return os.isatty(0) and os.isatty(1)


def kind() -> str:
    """Return what the terminal understands, for TERM in the container."""
    return os.environ.get("TERM") or "xterm"


def size() -> tuple[int, int]:
    """Return the window's lines and columns."""
    try:
        columns, lines = os.get_terminal_size(1)
    except OSError:
        columns, lines = USUAL_SIZE
    return lines, columns


@contextlib.contextmanager
def raw() -> Iterator[None]:
    """Have every key passed on as it is, Ctrl-C too; what was typed already is kept."""
    before = termios.tcgetattr(0)
    try:
        make_raw()
        yield
    finally:
        with contextlib.suppress(termios.error):  # it may be gone
            termios.tcflush(0, termios.TCIFLUSH)  # what it answered to the program is not for our shell
            termios.tcsetattr(0, termios.TCSANOW, before)


def make_raw() -> None:
    """Make it raw, at first and after we were stopped, when our caller's shell has made it its own again."""
    tty.setraw(0, termios.TCSANOW)


class Signals:
    """Signals as something to wait for: while this holds, a new size of the window or our end interrupts nothing.

    What was ignored before (under `nohup`, say) still is.
    """

    def __enter__(self) -> Self:
        self._woken, self._waker = os.pipe()
        for end in (self._woken, self._waker):
            os.set_blocking(end, False)
        self._wakeup = signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        heeded = [number for number in HEEDED if signal.getsignal(number) != signal.SIG_IGN]
        self._before = {number: signal.signal(number, _noted) for number in heeded}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._woken)
        os.close(self._waker)

    def fileno(self) -> int:
        """Return the descriptor that is readable when a signal came."""
        return self._woken

    def came(self) -> bytes:
        """Return the numbers of the signals that came."""
        with contextlib.suppress(BlockingIOError):
            return os.read(self._woken, 4096)
        return b""


def _noted(number: int, frame: FrameType | None) -> None:
    """Do nothing: the number stands in the pipe."""
