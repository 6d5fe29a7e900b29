"""The holder's process: keeps the sessions of one installation and serves clients on a unix socket.

Started by `holder.ensure`; imports nothing heavy, so that it answers in a blink.
"""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox_suite.core import clock as clocks
from sandbox_suite.sessions import frames
from sandbox_suite.sessions.carrier import Engine, engine
from sandbox_suite.sessions.engine_api import EngineError
from sandbox_suite.sessions.library import Library
from sandbox_suite.sessions.line import ClientGoneError, Line, SessionFailedError
from sandbox_suite.sessions.opening import AnySession, open_session, remedy_for
from sandbox_suite.sessions.warm import WarmSession

STORE = "modules.cache"
IDLE_SECONDS = 15.0
OPEN_SECONDS = 25.0
Record = Callable[..., None]
Key = tuple[str, str | None]
# what of a request a session gets to see
FORWARDED = ("op", "argv", "env", "cwd", "path", "mode", "timeout", "warm", "size")


class Holder:
    """One session per (container, user), opened when first wanted and again when it ended."""

    def __init__(self, docker: Engine, record: Record, store: Path | None = None) -> None:
        self.stopped = asyncio.Event()
        self._docker, self._record = docker, record
        self._library = Library(store)
        self._preparing: set[asyncio.Task[None]] = set()
        self._sessions: dict[Key, asyncio.Task[AnySession]] = {}
        self._openings: dict[Key, int] = {}
        self._clients = 0
        self._used = asyncio.get_running_loop().time()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it hangs up."""
        line = Line(reader, writer)
        self._clients += 1
        try:
            line.send(frames.HELLO, b"")
            while True:
                frame = await line.receive()
                if frame.kind == frames.REQUEST:
                    await self._answer(json.loads(frame.payload), line)
                    await line.drain()
        except ClientGoneError:
            pass
        finally:
            self._clients -= 1
            self._used = asyncio.get_running_loop().time()
            line.close()

    async def idle(self) -> None:
        """Return when nobody has been connected for a while, or when told to stop."""
        loop = asyncio.get_running_loop()
        while not self.stopped.is_set() and (self._clients or loop.time() - self._used < IDLE_SECONDS):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopped.wait(), 1.0)
            self._sessions = {key: task for key, task in self._sessions.items() if _alive(task)}

    def close(self) -> None:
        """End every session; their agents end with the pipe."""
        with contextlib.suppress(OSError):  # only slower the next time
            self._library.save()
        for task in self._sessions.values():
            if task.done() and not task.cancelled() and not task.exception():
                task.result().close("the holder ended")
            task.cancel()

    async def _answer(self, asked: dict[str, Any], line: Line) -> None:
        own = {"open": self._open, "stat": self._stat, "stop": self._stop}.get(asked["op"])
        try:
            if own:
                return await own(asked, line)
            session = await self._session((asked["container"], asked["user"]), asked["timeout"])
            await session.perform({key: asked[key] for key in FORWARDED if asked.get(key) is not None}, line)
        except SessionFailedError as error:
            line.fail(error)

    async def _open(self, asked: dict[str, Any], line: Line) -> None:
        """Open ahead: the answer does not wait, a failure shows at the first request."""
        task = self._opened((asked["container"], asked["user"]))
        if asked.get("warm"):
            preparing = asyncio.create_task(_prepared(task))
            self._preparing.add(preparing)
            preparing.add_done_callback(self._preparing.discard)
        line.end(0)

    async def _stop(self, asked: dict[str, Any], line: Line) -> None:
        line.end(0)
        await line.drain()
        self.stopped.set()

    async def _stat(self, asked: dict[str, Any], line: Line) -> None:
        key = (asked["container"], asked["user"])
        if asked.get("ready"):
            await self._session(key, asked["timeout"])
        task = self._sessions.get(key)
        alive = task is not None and _alive(task)
        facts = task.result().facts() if task and alive and task.done() else {"kind": None}
        line.answer({"holder": os.getpid(), "clients": self._clients, "openings": self._openings.get(key, 0), **facts})

    async def _session(self, key: Key, patience: float) -> AnySession:
        self._used = asyncio.get_running_loop().time()
        task = self._opened(key)
        try:
            return await asyncio.wait_for(asyncio.shield(task), min(patience, OPEN_SECONDS))
        except TimeoutError:
            raise SessionFailedError(f"{key[0]}: no session within {min(patience, OPEN_SECONDS):.0f} s") from None

    def _opened(self, key: Key) -> asyncio.Task[AnySession]:
        task = self._sessions.get(key)
        if task is None or not _alive(task):
            self._openings[key] = self._openings.get(key, 0) + 1
            if self._openings[key] > 1:
                self._record("reopened", container=key[0], user=key[1], time=self._openings[key])
            task = self._sessions[key] = asyncio.create_task(self._fresh(key))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # seen, though nobody may ask
        return task

    async def _fresh(self, key: Key) -> AnySession:
        async def violated(words: str) -> str:
            return await self._kill(key, number, words)

        try:
            number = await self._docker.identify(key[0])
            return await open_session(self._docker, key[0], key[1], violated, self._library)
        except EngineError as error:
            raise SessionFailedError(f"{key[0]}: {error}", remedy_for(error)) from None

    async def _kill(self, key: Key, number: str, words: str) -> str:
        """Kill the container whose agent broke the protocol: closing the stream would leave it running."""
        done = "its container was killed"
        try:
            await asyncio.wait_for(self._docker.kill(number), 10)
        except (EngineError, TimeoutError) as error:
            done = f"its container could not be killed: {error}"
        self._record("violation", container=key[0], user=key[1], what=words, done=done)
        return done


async def _prepared(opening: asyncio.Task[AnySession]) -> None:
    """Warm a session up as soon as it is open; what goes wrong shows at the first request."""
    with contextlib.suppress(SessionFailedError, asyncio.CancelledError):
        session = await asyncio.shield(opening)
        if isinstance(session, WarmSession):
            await session.prepare()


def _alive(task: asyncio.Task[AnySession]) -> bool:
    """Say whether a session is open or opening."""
    return not task.done() or (not task.cancelled() and task.exception() is None and task.result().ended is None)


def recorder(clock: clocks.Clock) -> Record:
    """Return what writes one JSON line per event to standard output, which is the holder's log."""

    def record(event: str, **facts: Any) -> None:
        sys.stdout.write(json.dumps({"at": clocks.iso(clock()), "event": event, **facts}) + "\n")
        sys.stdout.flush()

    return record


async def run(socket: Path, record: Record, ready: Callable[[], object]) -> None:
    """Listen, say so, serve until idle."""
    holder = Holder(engine(os.environ), record, socket.with_name(STORE))
    socket.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(holder.serve, socket, backlog=256, limit=1 << 18)
    finally:
        os.umask(before)
    record("started", pid=os.getpid())
    ready()
    await holder.idle()
    socket.unlink(missing_ok=True)  # first: whoever comes now starts another holder
    server.close()
    holder.close()
    record("ended", pid=os.getpid())


def main() -> None:
    """Detach, and let the starter go once the socket listens: argument 1 is the socket."""
    told, tell = os.pipe()
    if os.fork():
        os.close(tell)
        os._exit(0 if os.read(told, 1) else 1)
    os.close(told)
    asyncio.run(run(Path(sys.argv[1]), recorder(clocks.utc_now), lambda: bool(os.write(tell, b"1"))))


if __name__ == "__main__":
    main()
