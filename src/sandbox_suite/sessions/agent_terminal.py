"""A command at a terminal of its own (inside the container, like `agent`; sent along with the request for it)."""

from __future__ import annotations

import fcntl
import os
import struct
import termios
from typing import TYPE_CHECKING, Any

from sandbox_suite.sessions import frames
from sandbox_suite.sessions.agent_operations import OPERATIONS, Command, started

if TYPE_CHECKING:
    import subprocess

UTF8_INPUT = 0o40000  # IUTF8, which `termios` names only lately: one key of backspace takes one character


class Terminal(Command):
    """A process whose three streams are a terminal. There is no end of input: all of it are keys."""

    most_left = 1 << 17  # bytes that wait in a terminal: 64 KB on their way, some more that were taken in

    def launched(self, spec: dict[str, Any]) -> subprocess.Popen[bytes]:
        """Start the process; its end of the terminal stays open here, or each pause of its use were the end."""
        ours, self.theirs = os.openpty()
        try:
            lines, columns = spec["size"]
            self._size(lines, columns)
            prepare(self.theirs)
            process = started(spec, self.theirs, preexec_fn=take_control)
        except BaseException:
            os.close(ours)
            os.close(self.theirs)
            raise
        process.stdin, process.stdout = open(os.dup(ours), "wb", 0), open(ours, "rb", 0)  # noqa: PTH123, SIM115
        return process

    def resize(self, size: bytes) -> None:
        """Change the window; the processes in the foreground hear of it."""
        if len(size) != frames.SIZE_BODY.size:
            raise frames.ProtocolError("a size of another length")
        self._size(*frames.SIZE_BODY.unpack(size))

    def release(self) -> None:
        """Give back descriptors; what still uses the terminal is told that it is gone."""
        super().release()
        os.close(self.theirs)

    def _size(self, lines: int, columns: int) -> None:
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))


def prepare(terminal: int) -> None:
    """Have the terminal count in characters, not in bytes, when a key takes one back."""
    settings = termios.tcgetattr(terminal)
    settings[0] |= UTF8_INPUT
    termios.tcsetattr(terminal, termios.TCSANOW, settings)


def take_control() -> None:
    """Make standard input the terminal that this new session is controlled from."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


OPERATIONS["terminal"] = Terminal
