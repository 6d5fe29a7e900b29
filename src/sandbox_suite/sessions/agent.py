"""The agent: what runs inside a container, over the one pipe of its session. The host never trusts it.

It is sent over that pipe (see `bundle`) together with `frames` and the other `agent_*` modules: all of them keep
to the standard library, to Python 3.8 and to one thread. Frames come in, requests are served side by side, frames go
out.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import select
import signal
import sys
import time
from typing import Any

from sandbox_suite.sessions import frames
from sandbox_suite.sessions.agent_family import DUMPABLE, control
from sandbox_suite.sessions.agent_operations import OPERATIONS, Request

LONGEST_WAIT = 3600.0  # seconds; a longer one is waited for in parts, `poll` takes no more than 24 days
OF_HOLDER = 2  # exit code where the holder broke the protocol


class HolderGoneError(Exception):
    """Nobody reads what the agent says."""


class Agent:
    """The loop: frames in, requests served, frames out."""

    def __init__(self, source: int, sink: int) -> None:
        self.source, self.sink = source, sink
        self.requests: dict[int, Request] = {}
        self.splitter = frames.Splitter(frames.TO_AGENT, frames.MAX_TO_AGENT)
        self.woken, waker = os.pipe()
        for descriptor in (self.woken, waker, source):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def send(self, kind: bytes, number: int, payload: bytes = b"") -> None:
        """Write a whole frame; the holder always reads."""
        left = memoryview(frames.pack(kind, number, payload))
        try:
            while left:
                left = left[os.write(self.sink, left) :]
        except OSError as error:  # no error of the request at hand: all are over
            raise HolderGoneError from error

    def run(self) -> None:
        """Serve until the pipe is closed."""
        hidden = control(DUMPABLE, 0)  # or processes of the same user could trace it, or open its pipe through /proc
        hello = (frames.PROTOCOL, sys.version_info[0], sys.version_info[1], hidden, os.getpid())
        self.send(frames.HELLO, 0, frames.HELLO_BODY.pack(*hello))
        while True:
            ready = self._wait()
            if self.woken in ready:
                os.read(self.woken, 4096)
            if self.source in ready and not self._listen():
                return
            for request in list(self.requests.values()):
                guarded(request, request.serve, ready)
            self._expire()

    def end(self) -> None:
        """End what still runs: nobody is left to hear of it."""
        for request in list(self.requests.values()):
            with contextlib.suppress(OSError, HolderGoneError):  # each is ended, though it cannot be told
                request.expire(frames.CANCELLED)

    def _wait(self) -> dict[int, int]:
        poll = select.poll()
        for descriptor in (self.source, self.woken):
            poll.register(descriptor, select.POLLIN)
        for request in self.requests.values():
            for descriptor, events in request.interest():
                poll.register(descriptor, events)
        return dict(poll.poll(self._patience()))

    def _patience(self) -> float | None:
        if any(request.eager() for request in self.requests.values()):
            return 0
        until = min((request.until for request in self.requests.values()), default=None)
        return None if until is None else min(max(0, until - time.monotonic()), LONGEST_WAIT) * 1000 + 1

    def _listen(self) -> bool:
        try:
            data = os.read(self.source, 1 << 18)
        except BlockingIOError:
            return True
        for frame in self.splitter.feed(data):
            self._handle(frame)
        return bool(data)

    def _handle(self, frame: frames.Frame) -> None:
        if frame.kind == frames.REQUEST:
            return self._start(frame.number, frame.payload)
        request = self.requests.get(frame.number)
        if request is None:  # ended while the frame was under way
            return None
        if frame.kind == frames.CREDIT:
            if len(frame.payload) != frames.CREDIT_BODY.size:
                raise frames.ProtocolError("an acknowledgement of another length")
            request.room += frames.CREDIT_BODY.unpack(frame.payload)[0]
        elif frame.kind == frames.SIZE:
            guarded(request, request.resize, frame.payload)
        elif frame.kind == frames.CANCEL:
            guarded(request, request.expire, frames.CANCELLED)
        else:
            guarded(request, request.take, frame.payload)
        return None

    def _start(self, number: int, payload: bytes) -> None:
        if number in self.requests:
            raise frames.ProtocolError("a request under the number of another")
        try:
            spec = marshal.loads(payload)  # noqa: S302 - the host is trusted here
        except (ValueError, EOFError, TypeError, MemoryError) as error:
            raise frames.ProtocolError("a request that cannot be read") from error
        try:
            self.requests[number] = operation(spec)(self, number, spec)
        except Exception as error:  # a request that makes no sense ends itself, not the others
            body = frames.EXIT_BODY.pack(getattr(error, "errno", 0) or 0, frames.REFUSED)
            self.send(frames.EXIT, number, body + explain(error).encode(errors="replace")[: frames.WORDS])

    def _expire(self) -> None:
        now = time.monotonic()
        for request in [item for item in self.requests.values() if item.until < now]:
            request.until = now + 3600
            guarded(request, request.expire, frames.TIMED_OUT)


def guarded(request: Request, step: Any, argument: Any) -> None:
    """Run a step of a request; an OSError (disk full, file gone) ends that request only."""
    try:
        step(argument)
    except OSError as error:
        if request.number in request.agent.requests:
            request.fail(error.errno or 0, explain(error))


def operation(spec: dict[str, Any]) -> type[Request]:
    """Return what does a request; few containers need all there is, so the text of some comes with the request."""
    if spec["op"] not in OPERATIONS and "text" in spec:
        exec(compile(spec["text"], spec["op"], "exec", dont_inherit=True), {"__name__": spec["op"]})  # noqa: S102
    return OPERATIONS[spec["op"]]


def explain(error: BaseException) -> str:
    """Return an error's words without its number."""
    if isinstance(error, OSError) and error.strerror:
        return "{}: {}".format(error.filename, error.strerror) if error.filename else error.strerror  # noqa: UP032
    return str(error)


def main() -> None:
    """Take the pipe away from standard input and output, so that nothing else writes into it, and serve."""
    source, sink, nothing = os.dup(0), os.dup(1), os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    agent = Agent(source, sink)
    code = 0
    try:
        agent.run()
    except HolderGoneError:
        pass
    except frames.ProtocolError as error:
        code = OF_HOLDER
        os.write(2, f"the holder broke the session protocol: {error}\n".encode())
    except BaseException:
        code = 1
        sys.excepthook(*sys.exc_info())
    finally:
        agent.end()
        os._exit(code)
