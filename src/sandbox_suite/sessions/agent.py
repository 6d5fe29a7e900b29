"""The agent: what runs inside a container, over the one pipe of its session. The host never trusts it.

It is sent over that pipe (see `bundle`) together with `frames` and the other `agent_*` modules: all of them keep
to the standard library, to Python 3.8 and to one thread. Frames come in, requests are served side by side, frames go
out.
"""

from __future__ import annotations

import marshal
import os
import select
import signal
import subprocess
import sys
import time
from typing import Any

from sandbox_suite.sessions import frames
from sandbox_suite.sessions.agent_family import DUMPABLE, control
from sandbox_suite.sessions.agent_operations import OPERATIONS, Request


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
        while left:
            left = left[os.write(self.sink, left) :]

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
        return None if until is None else max(0, until - time.monotonic()) * 1000 + 1

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
            return self._start(frame.number, marshal.loads(frame.payload))  # noqa: S302 - the host is trusted here
        request = self.requests.get(frame.number)
        if request is None:  # ended while the frame was under way
            return None
        if frame.kind == frames.CREDIT:
            request.room += frames.CREDIT_BODY.unpack(frame.payload)[0]
        elif frame.kind == frames.CANCEL:
            guarded(request, request.expire, frames.CANCELLED)
        else:
            guarded(request, request.take, frame.payload)
        return None

    def _start(self, number: int, spec: dict[str, Any]) -> None:
        try:
            self.requests[number] = OPERATIONS[spec["op"]](self, number, spec)
        except (OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
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
            request.finish(error.errno or 0, frames.REFUSED, explain(error))


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
    try:
        agent.run()
    finally:
        agent.end()
        os._exit(0)
