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

    async def whole(self) -> bytes:
        """Return all the input of a request."""
        parts = []
        while part := (await self.receive()).payload:
            parts.append(part)
        return b"".join(parts)

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


class Replay(Line):
    """A line whose client's input was read already: it is given again, then the line goes on."""

    def __init__(self, line: Line, data: bytes) -> None:
        super().__init__(line._reader, line._writer)
        pieces = (data, b"") if data else (b"",)
        self._again = [frames.Frame(frames.INPUT, 0, piece) for piece in pieces]

    async def receive(self) -> frames.Frame:
        """Return the next frame."""
        return self._again.pop(0) if self._again else await super().receive()


class OwnLine(Line):
    """Stands where a client's line does when the holder itself asks: says `data`, notes the end, never leaves."""

    def __init__(self, data: bytes) -> None:
        self.how, self.words = frames.CANCELLED, ""
        self._pieces = [data, b""]

    async def receive(self) -> frames.Frame:
        """Return the next piece."""
        if not self._pieces:
            await asyncio.Event().wait()
        return frames.Frame(frames.INPUT, 0, self._pieces.pop(0))

    def send(self, kind: bytes, payload: bytes) -> None:
        """Drop what is said."""

    def end(self, code: int, how: int = frames.ENDED, words: bytes = b"") -> None:
        """Note the end."""
        self.how, self.words = how, words.decode(errors="replace")

    async def drain(self) -> None:
        """There is nothing to wait for."""
