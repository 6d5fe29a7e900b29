"""What the agent can be asked for: run a command, write a file, read a file. Further ones: `agent_modules`."""

from __future__ import annotations

import contextlib
import os
import select
import stat
import subprocess
import time
from typing import TYPE_CHECKING, Any

from sandbox_suite.sessions import frames
from sandbox_suite.sessions.agent_family import end_family

if TYPE_CHECKING:
    from sandbox_suite.sessions.agent import Agent

PIPE_SIZE = 1 << 16  # what an ended process can have left in its pipe


class Request:
    """One thing asked for. It ends by `finish`, which is the last the holder hears of its number."""

    def __init__(self, agent: Agent, number: int, spec: dict[str, Any]) -> None:
        self.agent, self.number = agent, number
        self.until = time.monotonic() + spec["timeout"]
        if self.until != self.until:
            raise ValueError("a time limit that is no number")
        self.room = frames.WINDOW  # bytes that may still be sent

    def interest(self) -> list[tuple[int, int]]:
        """Return (descriptor, poll events) that this request waits for."""
        return []

    def eager(self) -> bool:
        """Say whether there is work that waits for no descriptor."""
        return False

    def serve(self, ready: dict[int, int]) -> None:
        """Do what can be done without waiting."""

    def take(self, data: bytes) -> None:
        """Take input; no bytes are its end."""

    def expire(self, how: int) -> None:
        """End before time."""
        self.finish(0, how)

    def fail(self, code: int, words: str) -> None:
        """End because a step of it went wrong."""
        self.finish(code, frames.REFUSED, words)

    def finish(self, code: int, how: int = frames.ENDED, words: str = "") -> None:
        """Tell the end and forget the request."""
        self.release()
        del self.agent.requests[self.number]
        body = frames.EXIT_BODY.pack(code, how) + words.encode(errors="replace")[: frames.WORDS]
        self.agent.send(frames.EXIT, self.number, body)

    def release(self) -> None:
        """Give back descriptors."""

    def emit(self, kind: bytes, data: bytes) -> None:
        """Send output, which the holder will acknowledge."""
        self.room -= len(data)
        self.agent.send(kind, self.number, data)

    def resize(self, size: bytes) -> None:
        """Change the window; who has no terminal has none."""

    def passed_on(self, count: int) -> None:
        """Acknowledge input."""
        self.agent.send(frames.CREDIT, self.number, frames.CREDIT_BODY.pack(count))


class Command(Request):
    """A process with its three streams, in a session of its own."""

    most_left = PIPE_SIZE

    def __init__(self, agent: Agent, number: int, spec: dict[str, Any]) -> None:
        super().__init__(agent, number, spec)
        self.process = self.launched(spec)
        streams = (self.process.stdin, self.process.stdout, self.process.stderr)
        self.stdin, *outputs = (stream.fileno() for stream in streams if stream)
        self.outputs = dict(zip(outputs, (frames.OUTPUT, frames.ERROR)))  # noqa: B905 - Python 3.8 has no strict
        self.rest = dict.fromkeys(outputs, self.most_left)  # bytes still read once the process has ended
        self.held, self.complete = bytearray(), False  # input not yet written; whether all of it came
        self.how = frames.ENDED
        for descriptor in (self.stdin, *outputs):
            os.set_blocking(descriptor, False)

    def launched(self, spec: dict[str, Any]) -> Any:
        """Start the process; return it as `Popen` would."""
        return started(spec, subprocess.PIPE)

    def interest(self) -> list[tuple[int, int]]:
        wanted = [(descriptor, select.POLLIN) for descriptor in self.outputs] if self.room else []
        if self.stdin >= 0 and self.held:
            wanted.append((self.stdin, select.POLLOUT))
        return wanted

    def take(self, data: bytes) -> None:
        self.held += data
        if len(self.held) > frames.WINDOW:
            raise frames.ProtocolError("input beyond the window")
        self.complete = self.complete or not data
        self._write()

    def serve(self, ready: dict[int, int]) -> None:
        if self.stdin in ready:
            self._write()
        for descriptor in [item for item in self.outputs if item in ready]:
            self._read(descriptor)
        code = self.process.poll()
        if code is not None and (self.how != frames.ENDED or self._drained()):
            self.finish(128 - code if code < 0 else code, self.how)

    def expire(self, how: int) -> None:
        self.how = how
        end_family(self.process.pid)
        self.serve({})  # it may have ended before

    def fail(self, code: int, words: str) -> None:
        end_family(self.process.pid)
        super().fail(code, words)

    def release(self) -> None:
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()

    def _write(self) -> None:
        count = 0
        if self.stdin < 0:  # the process no longer reads: its input is dropped, as a shell's pipe would
            count, self.held = len(self.held), bytearray()
        elif self.held:
            try:
                count = os.write(self.stdin, self.held[: frames.CHUNK])
            except BlockingIOError:
                return None
            except OSError:
                self._close_stdin()
                return self._write()
            del self.held[:count]
        if count:
            self.passed_on(count)
        if self.complete and not self.held:
            self._close_stdin()
        return None

    def _close_stdin(self) -> None:
        if self.stdin >= 0 and self.process.stdin:
            self.process.stdin.close()
            self.stdin = -1

    def _read(self, descriptor: int) -> bool:
        """Move one piece of output; say whether there may be more just now."""
        try:
            data = os.read(descriptor, min(frames.CHUNK, self.room)) if self.room else b""
        except BlockingIOError:
            return False
        if data:
            self.emit(self.outputs[descriptor], data)
        elif self.room:
            del self.outputs[descriptor]
        return bool(data)

    def _drained(self) -> bool:
        """Read what the ended process left; a process it started may hold the pipe open and is not waited for."""
        for descriptor in list(self.outputs):
            while self.rest[descriptor] > 0:
                before = self.room
                if not self._read(descriptor):
                    break
                self.rest[descriptor] -= before - self.room
        return bool(self.room)


class Upload(Request):
    """A file written from input."""

    def __init__(self, agent: Agent, number: int, spec: dict[str, Any]) -> None:
        super().__init__(agent, number, spec)
        self.path, self.made = spec["path"], not os.path.lexists(spec["path"])
        mode = spec.get("mode")
        self.file = open_regular(self.path, os.O_WRONLY | os.O_CREAT, 0o666 if mode is None else 0o600)
        try:
            os.ftruncate(self.file, 0)
            if mode is not None:
                os.fchmod(self.file, mode)
        except BaseException:
            os.close(self.file)
            raise

    def take(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self.file, left) :]
        if data:
            self.passed_on(len(data))
        else:
            self.finish(0)

    def finish(self, code: int, how: int = frames.ENDED, words: str = "") -> None:
        if how != frames.ENDED and self.made:  # nothing half-written stays
            with contextlib.suppress(OSError):
                os.unlink(self.path)  # noqa: PTH108 - no pathlib in the agent
        super().finish(code, how, words)

    def release(self) -> None:
        os.close(self.file)


class Download(Request):
    """A file sent as output."""

    def __init__(self, agent: Agent, number: int, spec: dict[str, Any]) -> None:
        super().__init__(agent, number, spec)
        self.file = open_regular(spec["path"], os.O_RDONLY)

    def eager(self) -> bool:
        return self.room > 0

    def serve(self, ready: dict[int, int]) -> None:
        if not self.room:
            return
        data = os.read(self.file, min(frames.CHUNK, self.room))
        if data:
            self.emit(frames.OUTPUT, data)
        else:
            self.finish(0)

    def release(self) -> None:
        os.close(self.file)


def started(spec: dict[str, Any], stream: int, **options: Any) -> subprocess.Popen[bytes]:
    """Start a request's process on `stream`, in a session of its own."""
    environment = dict(os.environ, **spec["env"]) if spec.get("env") else None
    options.update(cwd=spec.get("cwd"), env=environment, bufsize=0, start_new_session=True)
    return subprocess.Popen(spec["argv"], stdin=stream, stdout=stream, stderr=stream, **options)


def open_regular(path: str, flags: int, mode: int = 0) -> int:
    """Open a regular file; a pipe or a device would block or never end."""
    descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK, mode)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "not a regular file", path)
    return descriptor


OPERATIONS: dict[str, type[Request]] = {"exec": Command, "put": Upload, "get": Download}
