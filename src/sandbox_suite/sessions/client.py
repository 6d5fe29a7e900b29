"""The client of a session: small and synchronous; what Ansible, testinfra, the job steps and the shell talk through."""

import io
import json
import os
import select
import socket as sockets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from sandbox_suite.core import spans
from sandbox_suite.sessions import answers, frames
from sandbox_suite.sessions.answers import FROM_HOLDER, LONGEST, Ending, Sink
from sandbox_suite.sessions.conversation import Conversation
from sandbox_suite.sessions.errors import SessionError, SessionFileError, SessionTimeoutError, SessionUnopenedError

SLACK = 45.0  # seconds beyond a request's own time in which the holder opens a session, waits, and tells the end
OPEN_SECONDS = 25.0
MOST_OUTPUT = 64 << 20


class Completed(NamedTuple):
    """How a command ended; a signal N is 128 + N, as in a shell."""

    rc: int
    out: bytes
    err: bytes


class Client:
    """Requests to one container as one user. Not for several threads at once; each thread makes its own."""

    def __init__(self, socket: Path | str, container: str, user: str | None = None) -> None:
        self.socket, self.container, self.user = Path(socket), container, user
        self._line: sockets.socket | None = None
        self._splitter = frames.Splitter(FROM_HOLDER, LONGEST)

    def exec(
        self,
        command: str | bytes | Sequence[str | bytes],
        stdin: bytes | BinaryIO = b"",
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        timeout: float = 60,
        most: int = MOST_OUTPUT,
    ) -> Completed:
        """Run a command (text: by the shell) and return its end; one that cannot be started ends with 126 or 127."""
        spec = {"op": "exec", "argv": _argv(command), "env": dict(env or {}), "cwd": cwd}
        return self._completed(spec, stdin, timeout, most)

    def module(
        self, command: str | bytes | Sequence[str | bytes], payload: bytes, timeout: float = 60, warm: bool = True
    ) -> Completed:
        """Run a command with Ansible's payload as its input: in the agent where that is the same, else as it is."""
        return self._completed({"op": "module", "argv": _argv(command), "warm": warm}, payload, timeout)

    def _completed(
        self, spec: dict[str, Any], stdin: bytes | BinaryIO, timeout: float, most: int = MOST_OUTPUT
    ) -> Completed:
        collected = Collector(most, self._place)
        ending = self.request(spec, stdin, collected, timeout)
        words = ending.words.encode() if ending.how == frames.REFUSED else b""
        return Completed(ending.status, collected.out, collected.err + words)

    def put(
        self, source: bytes | Path | str | BinaryIO, path: str, mode: int | None = 0o644, timeout: float = 600
    ) -> None:
        """Write a file in the container from bytes, a local file's path or an open binary file."""
        collected = Collector(MOST_OUTPUT, self._place)
        spec = {"op": "put", "path": path, "mode": mode}
        if isinstance(source, Path | str):
            with Path(source).open("rb") as file:
                ending = self.request(spec, file, collected, timeout)
        else:
            ending = self.request(spec, source, collected, timeout)
        self._check_file(ending, "write", path, collected.err)

    def get(self, path: str, file: BinaryIO | Path, timeout: float = 600) -> None:
        """Copy a file of the container into an open binary file, or to a path."""
        if isinstance(file, Path):
            with file.open("wb") as opened:
                return self.get(path, opened, timeout)
        said = bytearray()

        def sink(kind: bytes, data: bytes) -> None:
            if kind == frames.OUTPUT:
                file.write(data)
            else:
                said.extend(data[:1000])

        ending = self.request({"op": "get", "path": path}, b"", sink, timeout)
        return self._check_file(ending, "read", path, bytes(said))

    def open(self, warm: bool = False) -> None:
        """Have the session opened ahead, `warm` where Ansible will use it; a failure shows at the first request."""
        self.request({"op": "open", "warm": warm}, None, Collector(0, self._place), 10)

    def stat(self, ready: bool = False) -> dict[str, Any]:
        """Return facts of the session: kind (agent, plain; None: none is open), openings, requests, warm, cold, ...

        `ready`: the session is opened first, where it is not; raise SessionUnopenedError where it cannot be.
        """
        collected = Collector(MOST_OUTPUT, self._place)
        self.request({"op": "stat", "ready": ready}, None, collected, OPEN_SECONDS if ready else 10)
        facts: dict[str, Any] = json.loads(collected.out)
        return facts

    def close(self) -> None:
        """Hang up; a request under way is cancelled, its processes are ended."""
        if self._line:
            self._line.close()
            self._line = None

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def request(self, spec: dict[str, Any], source: bytes | BinaryIO | None, sink: Sink, timeout: float) -> Ending:
        """Do one request: input from `source` (None: it takes none), output to `sink`."""
        asked = {**spec, "container": self.container, "user": self.user, "timeout": timeout}
        line = self._dial()
        try:
            sender = Sender(asked, source)
            with spans.span("containers"):
                ending = self._converse(line, sender, sink, timeout + SLACK)
        except OSError as error:
            self.close()
            raise SessionError(f"{self._place}: the line to the holder broke: {error}") from None
        except BaseException:  # a line with half a conversation on it is of no use
            self.close()
            raise
        if not sender.done:  # answered before all was said
            self.close()
        return answers.in_time(ending, self._place, timeout)

    def begin(self, spec: dict[str, Any], timeout: float) -> Conversation:
        """Begin a request whose input is said as it comes. Until its end the line is the conversation's."""
        asked = {**spec, "container": self.container, "user": self.user, "timeout": timeout}
        return Conversation(self._dial(), asked, self._place, timeout)

    @property
    def _place(self) -> str:
        return f"{self.user}@{self.container}" if self.user else self.container

    def _dial(self) -> sockets.socket:
        if self._line is None:
            try:
                self._line = self._hello()
            except (OSError, EOFError):
                self._line = self._second_try()
            self._splitter = frames.Splitter(FROM_HOLDER, LONGEST)
        return self._line

    def _hello(self) -> sockets.socket:
        line = sockets.socket(sockets.AF_UNIX)
        try:
            line.settimeout(SLACK)
            line.connect(str(self.socket))
            if len(line.recv(frames.HEADER.size)) != frames.HEADER.size:
                raise EOFError
        except BaseException:
            line.close()
            raise
        line.setblocking(False)
        return line

    def _second_try(self) -> sockets.socket:
        """Start the installation's holder, which may have ended as idle a moment ago."""
        from sandbox_suite.sessions import holder

        try:
            if self.socket.name == holder.SOCKET and self.socket.parent.is_dir():
                holder.ensure(self.socket.parent)
            return self._hello()
        except (OSError, EOFError):
            raise SessionUnopenedError(
                f"{self._place}: no holder of sessions answers at {self.socket}",
                remedy="start one: `sandbox_suite.sessions.holder.ensure(runtime)`, as every task does",
            ) from None

    def _converse(self, line: sockets.socket, sender: "Sender", sink: Sink, patience: float) -> Ending:
        while True:
            waiting = sender.waiting()
            readable, writable, _ = select.select([line], [line] if waiting else [], [], patience)
            if not readable and not writable:
                raise SessionTimeoutError(f"{self._place}: the holder of the sessions does not answer")
            if writable and waiting:
                sender.sent(line.send(waiting))
            if readable:
                data = line.recv(1 << 18)
                if not data:
                    raise SessionError(f"{self._place}: the holder of the sessions ended")
                if ending := answers.heard(self._splitter.feed(data), sink):
                    return ending

    def _check_file(self, ending: Ending, verb: str, path: str, said: bytes) -> None:
        if ending.how == frames.REFUSED:
            words = said.decode(errors="replace").strip() or ending.words
            raise SessionFileError(f"{self._place}: cannot {verb} {path}: {words}", left="all other files")


class Sender:
    """What is still to be said of a request: itself, its input, the end of it."""

    def __init__(self, asked: dict[str, Any], source: bytes | BinaryIO | None) -> None:
        self._source = io.BytesIO(source) if isinstance(source, bytes) else source
        self._left = memoryview(frames.pack(frames.REQUEST, 0, json.dumps(asked).encode()))
        self.done = source is None

    def waiting(self) -> memoryview:
        """Return the bytes to send next; none when all is said."""
        if not self._left and not self.done and self._source:
            data = self._source.read(frames.CHUNK)
            self._left = memoryview(frames.pack(frames.INPUT, 0, data))
            self.done = not data
        return self._left

    def sent(self, count: int) -> None:
        """Note that so many bytes are under way."""
        self._left = self._left[count:]


class Collector:
    """Keeps output in memory, up to a limit."""

    def __init__(self, most: int, place: str) -> None:
        self._parts: dict[bytes, list[bytes]] = {frames.OUTPUT: [], frames.ERROR: []}
        self._left, self._most, self._place = most, most, place

    def __call__(self, kind: bytes, data: bytes) -> None:
        """Take one piece."""
        self._left -= len(data)
        if self._left < 0:
            raise SessionError(
                f"{self._place}: more than {self._most} bytes of output", remedy="write to a file and `get` it"
            )
        self._parts[kind].append(data)

    @property
    def out(self) -> bytes:
        """Standard output."""
        return b"".join(self._parts[frames.OUTPUT])

    @property
    def err(self) -> bytes:
        """Standard error."""
        return b"".join(self._parts[frames.ERROR])


def _argv(command: str | bytes | Sequence[str | bytes]) -> list[str]:
    if isinstance(command, str | bytes):
        return ["/bin/sh", "-c", os.fsdecode(command)]
    return [os.fsdecode(part) for part in command]
