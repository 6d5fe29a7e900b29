"""Carriers: an exec in a container with its streams, straight through the Engine API or by `docker exec -i`."""

import asyncio
import contextlib
import os
from collections.abc import Mapping
from typing import Any, Protocol

from sandbox_suite.sessions import engine_api
from sandbox_suite.sessions.engine_api import STDERR, STDOUT, EngineError

BUFFER = 1 << 20
Pieces = list[tuple[int, bytes]]
NO_ENV: Mapping[str, str] = {}


class Carrier(Protocol):
    """A process in a container. `read` gives (stream, bytes) pieces and nothing at the end of both streams."""

    async def read(self) -> Pieces: ...
    def write(self, data: bytes) -> None: ...
    async def drain(self) -> None: ...
    def end_input(self) -> None: ...
    async def exit_code(self) -> int | None: ...
    def close(self) -> None: ...


class Engine(Protocol):
    """The way to the Docker engine."""

    async def identify(self, container: str) -> str: ...
    async def start(
        self, container: str, user: str | None, argv: tuple[str, ...], env: Mapping[str, str] = NO_ENV
    ) -> Carrier: ...
    async def kill(self, container: str) -> None: ...


def engine(environment: Mapping[str, str]) -> Engine:
    """Return the engine that DOCKER_HOST names."""
    path = engine_api.socket_path(environment)
    return CliEngine() if path is None else SocketEngine(path)


class SocketEngine:
    """The Engine API on a unix socket; no process is started."""

    def __init__(self, path: str) -> None:
        self.path = path

    async def identify(self, container: str) -> str:
        """Return the id of a running container."""
        found = (await self.call("GET", f"/containers/{engine_api.checked(container)}/json")).body
        if not found["State"]["Running"]:
            raise EngineError(409, f"container {container} is not running ({found['State']['Status']})")
        return str(found["Id"])

    async def start(
        self, container: str, user: str | None, argv: tuple[str, ...], env: Mapping[str, str] = NO_ENV
    ) -> Carrier:
        """Start a process with all three streams."""
        path = f"/containers/{engine_api.checked(container)}/exec"
        number = (await self.call("POST", path, engine_api.exec_spec(argv, user, env))).body["Id"]
        reader, writer = await self._connect()
        writer.write(engine_api.upgrade_call(f"/exec/{number}/start", {"Detach": False, "Tty": False}))
        head = await reader.readuntil(b"\r\n\r\n")
        if engine_api.status_of(head) not in (101, 200):
            engine_api.parse(head + await reader.read(BUFFER))
        return SocketCarrier(self, number, reader, writer)

    async def kill(self, container: str) -> None:
        """Kill a container."""
        await self.call("POST", f"/containers/{engine_api.checked(container)}/kill")

    async def call(self, method: str, path: str, body: Any = None) -> engine_api.Answer:
        """Make a plain call."""
        reader, writer = await self._connect()
        try:
            writer.write(engine_api.plain_call(method, path, body))
            return engine_api.parse(await reader.read(-1))
        finally:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            return await asyncio.open_unix_connection(self.path, limit=BUFFER)
        except OSError as error:
            raise EngineError(0, f"the Docker engine does not answer on its socket: {error.strerror}") from None


class SocketCarrier:
    """An exec over a hijacked connection."""

    def __init__(
        self, via: SocketEngine, number: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._via, self._number = via, number
        self._reader, self._writer = reader, writer
        self._demultiplexer = engine_api.Demultiplexer()

    async def read(self) -> Pieces:
        """Return the next pieces."""
        pieces: Pieces = []
        while not pieces:
            try:
                data = await self._reader.read(1 << 18)
            except OSError:
                return []
            if not data:
                return []
            pieces = self._demultiplexer.feed(data)
        return pieces

    def write(self, data: bytes) -> None:
        """Give input."""
        self._writer.write(data)

    async def drain(self) -> None:
        """Wait until the input is under way."""
        await self._writer.drain()

    def end_input(self) -> None:
        """Close the process's standard input."""
        self._writer.write_eof()

    async def exit_code(self) -> int | None:
        """Return how the process ended, or None while it runs or where its container is gone."""
        with contextlib.suppress(EngineError):
            found = (await self._via.call("GET", f"/exec/{self._number}/json")).body
            return None if found["Running"] else found["ExitCode"]
        return None

    def close(self) -> None:
        """Let go. The process is not ended by this: an honest one ends when its input does."""
        self._writer.close()


class CliEngine:
    """The `docker` command, for engines that no unix socket leads to."""

    async def identify(self, container: str) -> str:
        """Return the id of a running container."""
        shown = await self._run("inspect", "-f", "{{.State.Running}} {{.Id}}", engine_api.checked(container))
        running, _, number = shown.partition(" ")
        if running != "true":
            raise EngineError(409, f"container {container} is not running")
        return number

    async def start(
        self, container: str, user: str | None, argv: tuple[str, ...], env: Mapping[str, str] = NO_ENV
    ) -> Carrier:
        """Start a process with all three streams."""
        options = [f"--user={user}"] if user else []
        options += [f"--env={key}" for key in env]  # values by the environment: arguments are seen by everyone
        pipe = asyncio.subprocess.PIPE
        command = ("docker", "exec", "-i", *options, engine_api.checked(container), *argv)
        process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=pipe, limit=BUFFER, env={**os.environ, **env}
        )
        return CliCarrier(process)

    async def kill(self, container: str) -> None:
        """Kill a container."""
        await self._run("kill", engine_api.checked(container))

    async def _run(self, *arguments: str) -> str:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec("docker", *arguments, stdout=pipe, stderr=pipe)
        out, err = await process.communicate()
        if process.returncode:
            raise EngineError(0, err.decode(errors="replace").strip()[-300:])
        return out.decode().strip()


class CliCarrier:
    """An exec over the pipes of a `docker exec -i`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._pieces: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue(maxsize=16)
        self._pumps = [
            asyncio.create_task(self._pump(stream, reader))
            for stream, reader in ((STDOUT, process.stdout), (STDERR, process.stderr))
        ]
        self._open = len(self._pumps)
        self._closed = False

    async def read(self) -> Pieces:
        """Return the next piece."""
        while self._open and not self._closed:
            stream, data = await self._pieces.get()
            if data:
                return [(stream, data)]
            self._open -= 1
        return []

    def write(self, data: bytes) -> None:
        """Give input."""
        self._stdin().write(data)

    async def drain(self) -> None:
        """Wait until the input is under way."""
        await self._stdin().drain()

    def end_input(self) -> None:
        """Close the process's standard input."""
        self._stdin().close()

    async def exit_code(self) -> int | None:
        """Return how the process ended."""
        return await self._process.wait()

    def close(self) -> None:
        """End the `docker exec` process. What it had said is read and dropped, or its end would never be seen."""
        self._closed = True
        while not self._pieces.empty():  # a pump may wait for room
            self._pieces.get_nowait()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _pump(self, stream: int, reader: asyncio.StreamReader | None) -> None:
        assert reader is not None
        data = b"-"
        while data:
            data = await reader.read(1 << 16)
            if not self._closed:
                await self._pieces.put((stream, data))

    def _stdin(self) -> asyncio.StreamWriter:
        assert self._process.stdin is not None
        return self._process.stdin
