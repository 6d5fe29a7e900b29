"""An interactive shell in a container: its terminal joined to ours, or a plain pipe where ours is no terminal."""

import contextlib
import os
import select
import shutil
import signal
import socket as sockets
import subprocess
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sandbox_suite.sessions import engine_api
from sandbox_suite.sessions.engine_api import STDOUT, EngineError
from sandbox_suite.sessions.errors import SessionError

OPEN_SECONDS = 20.0
REMEDY = "see which containers run: `invoke sandbox.list`, `docker ps -a`"


def attach(container: str, user: str | None, argv: Sequence[str]) -> int:
    """Run `argv` in the container with our standard streams; return its exit code."""
    terminal = os.isatty(0) and os.isatty(1)
    path = engine_api.socket_path(os.environ)
    if path is None:
        return _by_cli(container, user, argv, terminal)
    try:
        shell = Exec(path, container, user, argv, terminal)
        with shell.line, _joined(shell) if terminal else contextlib.nullcontext():
            _pump(shell)
        return shell.exit_code()
    except EngineError as error:
        raise SessionError(f"{container}: {error}", left="the container", remedy=REMEDY) from None


class Exec:
    """One exec over a hijacked connection of the Engine API."""

    def __init__(self, path: str, container: str, user: str | None, argv: Sequence[str], terminal: bool) -> None:
        self._path, self.terminal = path, terminal
        env = {"TERM": os.environ.get("TERM", "xterm")} if terminal else {}
        spec = engine_api.exec_spec(tuple(argv), user, env, terminal)
        self._number = self._call("POST", f"/containers/{engine_api.checked(container)}/exec", spec)["Id"]
        self.line = self._dial()
        self.line.sendall(engine_api.upgrade_call(f"/exec/{self._number}/start", {"Detach": False, "Tty": terminal}))
        self.early = self._head()  # output that came along with the answer's head
        self.line.settimeout(None)

    def resize(self) -> None:
        """Tell the container the size of our terminal."""
        columns, lines = shutil.get_terminal_size()
        with contextlib.suppress(EngineError):
            self._call("POST", f"/exec/{self._number}/resize?h={lines}&w={columns}")

    def exit_code(self) -> int:
        """Return how the process ended."""
        code = self._call("GET", f"/exec/{self._number}/json")["ExitCode"]
        if code is None:
            raise EngineError(0, "the connection was lost; the process may still run")
        return int(code)

    def _head(self) -> bytes:
        raw = b""
        while b"\r\n\r\n" not in raw:
            data = self.line.recv(4096)
            if not data:
                raise EngineError(0, "the engine closed the connection")
            raw += data
        head, _, early = raw.partition(b"\r\n\r\n")
        if engine_api.status_of(head) not in (101, 200):
            engine_api.parse(raw)
        return early

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        with self._dial() as line:
            line.sendall(engine_api.plain_call(method, path, body))
            raw = b"".join(iter(lambda: line.recv(1 << 16), b""))
        return engine_api.parse(raw).body

    def _dial(self) -> sockets.socket:
        line = sockets.socket(sockets.AF_UNIX)
        line.settimeout(OPEN_SECONDS)
        try:
            line.connect(self._path)
        except OSError as error:
            line.close()
            raise EngineError(0, f"the Docker engine does not answer: {error.strerror}") from None
        return line


@contextlib.contextmanager
def _joined(shell: Exec) -> Iterator[None]:
    """Hand every key to the container, and each new size of the window; put our terminal back afterwards."""
    before = termios.tcgetattr(0)
    handler = signal.signal(signal.SIGWINCH, lambda *_: shell.resize())
    try:
        tty.setraw(0)
        shell.resize()
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        signal.signal(signal.SIGWINCH, handler)


def _pump(shell: Exec) -> None:
    """Move bytes both ways until the process closes its output."""
    show = _writer(shell.terminal)
    show(shell.early)
    watched: list[int | sockets.socket] = [shell.line, 0]
    while True:
        ready, _, _ = select.select(watched, [], [])
        if shell.line in ready:
            data = shell.line.recv(1 << 16)
            if not data:
                return
            show(data)
        if 0 in ready and not _type(shell.line):
            watched.remove(0)


def _type(line: sockets.socket) -> bool:
    """Pass on what was typed; at its end, close the process's input."""
    data = os.read(0, 1 << 16)
    with contextlib.suppress(OSError):  # the process may be gone: its output tells
        line.sendall(data) if data else line.shutdown(sockets.SHUT_WR)
    return bool(data)


def _writer(terminal: bool) -> Callable[[bytes], None]:
    """Return what shows output: a terminal's is one stream, a pipe's are two in one."""
    if terminal:
        return lambda data: _write_all(1, data)
    streams = engine_api.Demultiplexer()

    def show(data: bytes) -> None:
        for stream, piece in streams.feed(data):
            _write_all(1 if stream == STDOUT else 2, piece)

    return show


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _by_cli(container: str, user: str | None, argv: Sequence[str], terminal: bool) -> int:
    """Leave it to `docker exec`, which knows engines that no unix socket leads to."""
    options = [*(["-t"] if terminal else []), *([f"--user={user}"] if user else [])]
    sys.stdout.flush()
    try:
        done = subprocess.run(["docker", "exec", "-i", *options, engine_api.checked(container), *argv], check=False)
    except FileNotFoundError:
        raise SessionError(
            f"{container}: the engine is not on a unix socket, and there is no `docker` command",
            remedy="install the Docker CLI, or set DOCKER_HOST to a unix socket",
        ) from None
    return done.returncode
