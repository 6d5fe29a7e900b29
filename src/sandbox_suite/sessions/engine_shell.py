"""A shell where there is no session: an exec of the Docker engine, joined to our streams in the same way."""

import os
import socket as sockets
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from sandbox_suite.sessions import engine_api, frames, terminal
from sandbox_suite.sessions.answers import Ending, Sink
from sandbox_suite.sessions.engine_api import STDOUT, EngineError
from sandbox_suite.sessions.errors import SessionError

OPEN_SECONDS = 20.0


def start(container: str, user: str | None, argv: Sequence[str], windowed: bool) -> "Exec | None":
    """Start `argv` in the container; None where the engine is on no unix socket. Raise EngineError if it refuses."""
    path = engine_api.socket_path(os.environ)
    return Exec(path, container, user, argv, windowed) if path else None


class Exec:
    """One exec over a hijacked connection of the Engine API. What it runs is not ended by hanging up."""

    def __init__(self, path: str, container: str, user: str | None, argv: Sequence[str], windowed: bool) -> None:
        self._path, self._container = path, container
        env = {"TERM": terminal.kind()} if windowed else {}
        spec = engine_api.exec_spec(tuple(argv), user, env, windowed)
        self._number = self._call("POST", f"/containers/{engine_api.checked(container)}/exec", spec)["Id"]
        self._streams = None if windowed else engine_api.Demultiplexer()  # a terminal's output is one stream
        self._unsaid, self._complete = bytearray(), False
        self._line = self._dial()
        self._line.sendall(engine_api.upgrade_call(f"/exec/{self._number}/start", {"Detach": False, "Tty": windowed}))
        self._early = self._head()  # output that came along with the answer's head
        self._line.setblocking(False)
        if windowed:
            self._resize(*terminal.size())

    def fileno(self) -> int:
        """Return the connection's descriptor."""
        return self._line.fileno()

    @property
    def unsaid(self) -> int:
        """Bytes that wait until the engine takes them."""
        return len(self._unsaid)

    def tell(self, kind: bytes, payload: bytes = b"") -> None:
        """Have input given (none: its end), or the window's size changed."""
        if kind == frames.SIZE:
            return self._resize(*frames.SIZE_BODY.unpack(payload))
        self._unsaid += payload
        self._complete = not payload
        return self.say()

    def say(self) -> None:
        """Give what the engine takes now; the process may be gone, which its output tells."""
        try:
            count = self._line.send(self._unsaid) if self._unsaid else 0
            if self._complete and count == len(self._unsaid):
                self._line.shutdown(sockets.SHUT_WR)
        except BlockingIOError:
            count = 0
        except OSError:
            count = len(self._unsaid)
        del self._unsaid[:count]

    def hear(self, sink: Sink) -> Ending | None:
        """Take what came; return the end of the process."""
        early, self._early = self._early, b""
        try:
            data = early or self._line.recv(1 << 16)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            return self._end()
        self._sort(data, sink)
        return None

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    def _sort(self, data: bytes, sink: Sink) -> None:
        if self._streams is None:
            return sink(frames.OUTPUT, data)
        for stream, piece in self._streams.feed(data):
            sink(frames.OUTPUT if stream == STDOUT else frames.ERROR, piece)
        return None

    def _end(self) -> Ending:
        try:
            code = self._call("GET", f"/exec/{self._number}/json")["ExitCode"]
        except EngineError as error:
            raise SessionError(f"{self._container}: {error}", left="the container") from None
        if code is None:
            raise SessionError(f"{self._container}: the connection was lost; the process may still run", left="")
        return Ending(int(code), frames.ENDED, "")

    def _resize(self, lines: int, columns: int) -> None:
        try:
            self._call("POST", f"/exec/{self._number}/resize?h={lines}&w={columns}")
        except EngineError:  # it is gone: its end tells
            return

    def _head(self) -> bytes:
        raw = b""
        while b"\r\n\r\n" not in raw:
            data = self._line.recv(4096)
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


def by_cli(container: str, user: str | None, argv: Sequence[str], windowed: bool) -> int:
    """Leave it to `docker exec`, which knows engines that no unix socket leads to."""
    options = [*(["-t"] if windowed else []), *([f"--user={user}"] if user else [])]
    sys.stdout.flush()
    try:
        done = subprocess.run(["docker", "exec", "-i", *options, engine_api.checked(container), *argv], check=False)
    except FileNotFoundError:
        raise SessionError(
            f"{container}: the engine is not on a unix socket, and there is no `docker` command",
            remedy="install the Docker CLI, or set DOCKER_HOST to a unix socket",
        ) from None
    return done.returncode
