"""A client's connection as the holder sees it."""

import asyncio
import json
from typing import Any

from sandbox_suite.sessions import frames


class ClientGoneError(Exception):
    """The client went away: what it asked for is cancelled."""


class SessionFailedError(Exception):
    """The session cannot answer; the words are for the user. `begun`: the request may have had effects."""

    def __init__(self, what: str, remedy: str = "", *, begun: bool = False) -> None:
        super().__init__(what)
        self.remedy, self.begun = remedy, begun


class Line:
    """Frames from and to one client; clients are trusted, so nothing is checked but that they keep connected."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def receive(self) -> frames.Frame:
        """Return the next frame; safe to cancel between frames."""
        try:
            kind, number, length = frames.HEADER.unpack(await self._reader.readexactly(frames.HEADER.size))
            return frames.Frame(kind, number, await self._reader.readexactly(length) if length else b"")
        except (asyncio.IncompleteReadError, OSError):
            raise ClientGoneError from None

    def send(self, kind: bytes, payload: bytes) -> None:
        """Send a frame."""
        self._writer.write(frames.pack(kind, 0, payload))

    def fail(self, error: SessionFailedError) -> None:
        """Tell the client that the session failed."""
        self.send(
            frames.FAILURE, json.dumps({"what": str(error), "remedy": error.remedy, "begun": error.begun}).encode()
        )

    def end(self, code: int, how: int = frames.ENDED, words: bytes = b"") -> None:
        """Tell the end of a request."""
        self.send(frames.EXIT, frames.EXIT_BODY.pack(code, how) + words)

    def answer(self, value: Any) -> None:
        """Answer with a JSON value."""
        self.send(frames.OUTPUT, json.dumps(value).encode())
        self.end(0)

    async def drain(self) -> None:
        """Wait until the client reads."""
        try:
            await self._writer.drain()
        except OSError:
            raise ClientGoneError from None

    def close(self) -> None:
        """Hang up."""
        self._writer.close()
