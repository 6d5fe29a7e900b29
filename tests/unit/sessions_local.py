"""A holder whose containers are plain processes of this machine: real agent, frames, holder and client, no Docker."""

import asyncio
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox_suite.sessions import carrier
from sandbox_suite.sessions.carrier import Carrier, CliCarrier
from sandbox_suite.sessions.server import Holder

PIPE = asyncio.subprocess.PIPE


class LocalEngine:
    """Stands where the Docker engine stands; `program` replaces the agent's command where given."""

    def __init__(self, program: tuple[str, ...] | None = None) -> None:
        self.program = program
        self.temporary = tempfile.TemporaryDirectory(prefix="agents-")  # what killed modules leave goes with it
        self.killed: list[str] = []
        self.agents: list[asyncio.subprocess.Process] = []

    async def identify(self, container: str) -> str:
        return f"id-of-{container}"

    async def start(
        self, container: str, user: str | None, argv: tuple[str, ...], env: Mapping[str, str] = carrier.NO_ENV
    ) -> Carrier:
        surroundings = {**os.environ, "TMPDIR": self.temporary.name}
        process = await asyncio.create_subprocess_exec(
            *(self.program or argv), stdin=PIPE, stdout=PIPE, stderr=PIPE, env=surroundings
        )
        self.agents.append(process)
        return CliCarrier(process)

    async def kill(self, container: str) -> None:
        self.killed.append(container)
        for process in self.agents:
            if process.returncode is None:
                process.kill()


@contextmanager
def serving(engine: LocalEngine, socket: Path) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Serve at `socket` from a thread; yield what the holder records."""
    records: list[tuple[str, dict[str, Any]]] = []
    ready = threading.Event()
    stops: list[Any] = []

    async def run() -> None:
        holder = Holder(engine, lambda event, **facts: records.append((event, facts)))
        server = await asyncio.start_unix_server(holder.serve, socket)
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        stops.append(lambda: loop.call_soon_threadsafe(stop.set))
        ready.set()
        await stop.wait()
        server.close()
        holder.close()
        for process in engine.agents:
            if process.returncode is None:
                process.kill()
            await process.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield records
    finally:
        stops[0]()
        thread.join(20)
