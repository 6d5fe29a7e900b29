"""Where a container has no Python: one plain exec per request, slower. It needs a POSIX shell inside."""

import asyncio
import contextlib
from typing import Any

from sandbox_suite.sessions import frames
from sandbox_suite.sessions.carrier import Carrier, Engine
from sandbox_suite.sessions.engine_api import STDOUT, EngineError
from sandbox_suite.sessions.line import ClientGoneError, Line, SessionFailedError

# The first line on standard error is the process's number: what ends its group when time is up.
TELL_PID = 'echo $$ >&2; exec "$@"'
CHANGE_DIRECTORY = 'cd "$1" || exit 126; shift; exec "$@"'
WRITE = 'umask 077; cat > "$1" && { [ -z "$2" ] || chmod "$2" "$1"; }'
READ = 'cat < "$1"'
KILL_GROUP = 'kill -9 -"$1" 2>/dev/null || kill -9 "$1"'


class PlainSession:
    """Serves the requests of a session without an agent."""

    def __init__(self, place: str, engine: Engine, container: str, user: str | None) -> None:
        self.place = place
        self.ended: str | None = None
        self.requests = 0
        self._engine, self._container, self._user = engine, container, user

    def facts(self) -> dict[str, Any]:
        """Return what `stat` shows."""
        return {"kind": "plain", "requests": self.requests}

    def close(self, reason: str) -> None:
        """Nothing is open between requests."""

    async def perform(self, spec: dict[str, Any], line: Line) -> None:
        """Do what a client asks and tell it the end."""
        if spec["op"] == "terminal":
            raise SessionFailedError(f"{self.place}: there is no python3 for a terminal")
        self.requests += 1
        try:
            carrier = await self._engine.start(self._container, self._user, self._command(spec), spec.get("env") or {})
        except EngineError as error:
            self.ended = f"{self.place}: {error}"  # look anew next time: the container may be another one
            raise SessionFailedError(self.ended) from None
        work = PlainExchange(carrier, line)
        try:
            await asyncio.wait_for(work.run(), spec["timeout"])
        except TimeoutError:
            return line.end(0, frames.TIMED_OUT)
        finally:
            if not work.finished:
                await self._end(work.pid)
            carrier.close()
        return self._tell(spec, line, await carrier.exit_code(), work.pid)

    def _tell(self, spec: dict[str, Any], line: Line, code: int | None, pid: str) -> None:
        if code is None or not pid:
            raise SessionFailedError(
                f"{self.place}: the command could not be run, or its container is gone", begun=True
            )
        if "path" in spec and code:
            return line.end(code, frames.REFUSED, f"{spec['path']}: see standard error".encode())
        return line.end(code)

    def _command(self, spec: dict[str, Any]) -> tuple[str, ...]:
        inner = _inner(spec)
        if spec.get("cwd"):
            inner = ("sh", "-c", CHANGE_DIRECTORY, "sh", spec["cwd"], *inner)
        return ("sh", "-c", TELL_PID, "sh", *inner)

    async def _end(self, pid: str) -> None:
        if pid.isdigit():
            with contextlib.suppress(EngineError):
                argv = ("sh", "-c", KILL_GROUP, "sh", pid)
                killer = await self._engine.start(self._container, self._user, argv)
                while await killer.read():
                    pass
                killer.close()


def _inner(spec: dict[str, Any]) -> tuple[str, ...]:
    if "argv" in spec:
        return tuple(spec["argv"])
    if spec["op"] == "put":
        return ("sh", "-c", WRITE, "sh", spec["path"], _octal(spec.get("mode")))
    return ("sh", "-c", READ, "sh", spec["path"])


def _octal(mode: int | None) -> str:
    return "" if mode is None else f"{mode:o}"


class PlainExchange:
    """One exec's streams, passed between the container and a client at the client's pace."""

    def __init__(self, carrier: Carrier, line: Line) -> None:
        self.finished, self.pid = False, ""
        self._carrier, self._line = carrier, line
        self._head: bytearray | None = bytearray()  # standard error before its first line is whole

    async def run(self) -> None:
        """Pass everything on; raise ClientGoneError when the client leaves."""
        feeding = asyncio.create_task(self._feed())
        forwarding = asyncio.create_task(self._forward())
        try:
            await asyncio.wait((feeding, forwarding), return_when=asyncio.FIRST_COMPLETED)
            if not forwarding.done():
                raise ClientGoneError
            await forwarding
        finally:
            feeding.cancel()
            forwarding.cancel()
            await asyncio.wait((feeding, forwarding))

    async def _feed(self) -> None:
        """Return when the client is gone."""
        with contextlib.suppress(ClientGoneError):
            while True:
                frame = await self._line.receive()
                with contextlib.suppress(OSError):  # the process no longer reads
                    if frame.payload:
                        self._carrier.write(frame.payload)
                        await self._carrier.drain()
                    else:
                        self._carrier.end_input()

    async def _forward(self) -> None:
        while pieces := await self._carrier.read():
            for stream, data in pieces:
                shown = data if stream == STDOUT else self._without_pid(data)
                if shown:
                    self._line.send(frames.OUTPUT if stream == STDOUT else frames.ERROR, shown)
            await self._line.drain()
        self.finished = True

    def _without_pid(self, data: bytes) -> bytes:
        if self._head is None:
            return data
        self._head += data
        first, newline, rest = bytes(self._head).partition(b"\n")
        if newline:
            self.pid, self._head = first.decode(errors="replace"), None
        return rest
