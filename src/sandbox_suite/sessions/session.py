"""A session: the pipe to one agent, seen from the host. From the container only frames of fixed shape are read.

Whoever breaks the protocol (unknown kinds or numbers, long frames, windows ignored, more acknowledged than sent) has
its container killed: closing the stream would not stop it. An agent that merely does not answer has its session closed.
"""

import asyncio
import contextlib
import marshal
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from sandbox_suite.sessions import bundle, frames
from sandbox_suite.sessions.carrier import Carrier
from sandbox_suite.sessions.engine_api import STDERR
from sandbox_suite.sessions.frames import ProtocolError
from sandbox_suite.sessions.line import ClientGoneError, Line, SessionFailedError

GRACE = 5.0  # seconds an agent has, over a request's own time, to tell its end
LAST_LOOK = 0.5  # then it is seen whether it is silent or goes on talking, which has its container killed
STRAY_SECONDS = 1.0
WORDS_KEPT = 4000  # bytes kept of what comes on the exec's standard error

Violated = Callable[[str], Awaitable[str]]  # what broke the protocol -> what was done about it


class Hello(NamedTuple):
    """What an agent says of itself; shown, never relied on."""

    protocol: int
    major: int
    minor: int
    hidden: int
    pid: int


class Exchange:
    """One request under way."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.held = {frames.OUTPUT: bytearray(), frames.ERROR: bytearray()}  # came, not yet passed on
        self.unacknowledged = 0
        self.credit = frames.WINDOW  # bytes of input the agent still takes
        self.end: tuple[int, int, bytes] | None = None
        self.failure: str | None = None
        self.gone = self.abandoned = self.blocked = False
        self.changed, self.room = asyncio.Event(), asyncio.Event()

    def stir(self) -> None:
        """Wake whoever waits for this exchange."""
        self.changed.set()
        self.room.set()


class Session:
    """One agent and the requests it works on."""

    def __init__(self, place: str, carrier: Carrier, violated: Violated) -> None:
        self.place = place  # `user@container`, for messages
        self.ended: str | None = None
        self.requests = 0
        self._carrier, self._violated = carrier, violated
        self._splitter = frames.Splitter(frames.FROM_AGENT, frames.MAX_FROM_AGENT)
        self._exchanges: dict[int, Exchange] = {}
        self._hello: asyncio.Future[Hello] = asyncio.get_running_loop().create_future()
        self._words = bytearray()
        self._stray = bytearray()  # the first bytes on standard output: the engine reports its own errors there
        self._breached = False
        self._listening = asyncio.create_task(self._listen())

    async def greeted(self, seconds: float) -> Hello:
        """Wait for the agent's hello."""
        try:
            return await asyncio.wait_for(asyncio.shield(self._hello), seconds)
        except TimeoutError:
            self.close("the agent did not say hello")
            raise SessionFailedError(f"{self.place}: the agent did not start within {seconds:.0f} s") from None

    def said(self) -> str:
        """Return what the exec printed outside the protocol, cut short."""
        text = bytes(self._words or self._stray).decode(errors="replace")
        return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[-400:]

    def greeting(self) -> Hello:
        """Return what the agent said of itself."""
        return self._hello.result()

    def facts(self) -> dict[str, Any]:
        """Return what `stat` shows."""
        hello = self.greeting()
        shown = {"kind": "agent", "pid": hello.pid, "python": f"{hello.major}.{hello.minor}"}
        return shown | {"hidden": bool(hello.hidden), "requests": self.requests}

    async def perform(self, spec: dict[str, Any], line: Line) -> None:
        """Do what a client asks and tell it the end."""
        if self.ended:
            raise SessionFailedError(self.ended)
        exchange = self._begin(spec)
        feeding = asyncio.create_task(self._feed(exchange, line))
        try:
            await asyncio.wait_for(self._forward(exchange, line), spec["timeout"] + GRACE)
        except TimeoutError:
            raise await self._overdue(exchange) from None
        finally:
            feeding.cancel()
            await asyncio.wait((feeding,))
            self._abandon(exchange)
        if exchange.end:
            line.end(*exchange.end)

    def close(self, reason: str) -> None:
        """End the session; every request under way fails with the reason."""
        if self.ended is None:
            self.ended = f"{self.place}: {reason}"
            self._carrier.close()
            if not self._breached:  # who is about to be killed is killed
                self._listening.cancel()
            for exchange in self._exchanges.values():
                exchange.failure = self.ended
                exchange.stir()
            if not self._hello.done():
                self._hello.set_exception(SessionFailedError(self.ended))
                self._hello.exception()  # seen: nobody may be waiting

    def write(self, data: bytes) -> None:
        """Send bytes to the agent."""
        self._carrier.write(data)

    def _begin(self, spec: dict[str, Any]) -> Exchange:
        self.requests += 1
        exchange = self._exchanges[self.requests] = Exchange(self.requests)
        self.write(frames.pack(frames.REQUEST, exchange.number, marshal.dumps(spec | bundle.later(spec["op"]), 2)))
        return exchange

    async def _feed(self, exchange: Exchange, line: Line) -> None:
        """Pass input on; then wait for the client, which says nothing more unless it goes away."""
        with contextlib.suppress(OSError):
            try:
                while True:
                    await self._say(exchange, await line.receive())
            except ClientGoneError:
                exchange.gone = True
                exchange.stir()

    async def _say(self, exchange: Exchange, frame: frames.Frame) -> None:
        if frame.kind == frames.SIZE or not frame.payload:  # these need no window
            return self.write(frames.pack(frame.kind, exchange.number, frame.payload))
        for at in range(0, len(frame.payload), frames.CHUNK):
            await self._input(exchange, frame.payload[at : at + frames.CHUNK])
        return None

    async def _input(self, exchange: Exchange, data: bytes) -> None:
        while exchange.credit < len(data):
            exchange.room.clear()
            await exchange.room.wait()
        exchange.credit -= len(data)
        self.write(frames.pack(frames.INPUT, exchange.number, data))
        await self._carrier.drain()

    async def _forward(self, exchange: Exchange, line: Line) -> None:
        """Pass output on until the end of the request."""
        while exchange.end is None or any(exchange.held.values()):
            await exchange.changed.wait()
            exchange.changed.clear()
            if exchange.gone:
                raise ClientGoneError
            if exchange.failure:
                raise SessionFailedError(exchange.failure, begun=True)
            await self._pass_on(exchange, line)

    async def _pass_on(self, exchange: Exchange, line: Line) -> None:
        count = 0
        for kind, held in exchange.held.items():
            if held:
                line.send(kind, bytes(held))
                count += len(held)
                held.clear()
        if count:
            exchange.blocked = True
            await line.drain()
            exchange.blocked = False
            exchange.unacknowledged -= count
            self.write(frames.pack(frames.CREDIT, exchange.number, frames.CREDIT_BODY.pack(count)))

    async def _overdue(self, exchange: Exchange) -> Exception:
        if exchange.blocked:  # it is the client that does not read
            return ClientGoneError()
        exchange.abandoned = True  # nothing is acknowledged from now on: who talks on breaks the protocol
        await asyncio.wait((self._listening,), timeout=LAST_LOOK)
        if self._breached:
            await asyncio.wait((self._listening,), timeout=GRACE)
        self.close("the agent does not answer; its session was closed")
        return SessionFailedError(self.ended or "", begun=True)

    def _abandon(self, exchange: Exchange) -> None:
        """Cancel a request whose end did not come; its last frames are still taken, within its window."""
        if exchange.end is None and self.ended is None:
            exchange.abandoned = True
            self.write(frames.pack(frames.CANCEL, exchange.number))
            asyncio.get_running_loop().call_later(GRACE, self._still_open, exchange)

    def _still_open(self, exchange: Exchange) -> None:
        if exchange.number in self._exchanges:
            self.close("the agent did not end a cancelled request; its session was closed")

    async def _listen(self) -> None:
        try:
            while pieces := await self._carrier.read():
                for stream, data in pieces:
                    self._take(stream, data)
        except ProtocolError as error:
            if self._hello.done() or not await self._ends_soon():
                self._breached = True
                self._carrier.close()  # first: the engine does not kill while it has output that nobody takes
                done = await self._violated(str(error))
                return self.close(f"broke the session protocol ({error}); {done}")
        said = self.said()
        return self.close(f"the session ended: {said}" if said else "the session ended (agent or container gone)")

    async def _ends_soon(self) -> bool:
        """Say whether what began badly ends by itself: the engine tells its own troubles on standard output."""
        try:
            async with asyncio.timeout(STRAY_SECONDS):
                while pieces := await self._carrier.read():
                    self._stray += b"".join(data for _, data in pieces)
                    if len(self._stray) > WORDS_KEPT:
                        return False
        except TimeoutError:
            return False
        return True

    def _take(self, stream: int, data: bytes) -> None:
        if stream == STDERR:
            self._words += data
            del self._words[:-WORDS_KEPT]
            return
        if not self._hello.done():
            self._stray += data[:WORDS_KEPT]
        for frame in self._splitter.feed(data):
            self._handle(frame)

    def _handle(self, frame: frames.Frame) -> None:
        if not self._hello.done():
            return self._greet(frame)
        exchange = self._exchanges.get(frame.number)
        if exchange is None or frame.kind == frames.HELLO:
            raise ProtocolError("a frame for no request of ours")
        if frame.kind == frames.CREDIT:
            self._credited(exchange, frame.payload)
        elif frame.kind == frames.EXIT:
            self._ended(exchange, frame.payload)
        else:
            self._output(exchange, frame)
        exchange.stir()
        return None

    def _greet(self, frame: frames.Frame) -> None:
        if frame.kind != frames.HELLO or len(frame.payload) != frames.HELLO_BODY.size:
            raise ProtocolError("no hello")
        hello = Hello(*frames.HELLO_BODY.unpack(frame.payload))
        if hello.protocol != frames.PROTOCOL:
            raise ProtocolError(f"protocol {hello.protocol}")
        self._hello.set_result(hello)
        self._stray.clear()

    def _credited(self, exchange: Exchange, payload: bytes) -> None:
        if len(payload) != frames.CREDIT_BODY.size:
            raise ProtocolError("an acknowledgement of another length")
        exchange.credit += frames.CREDIT_BODY.unpack(payload)[0]
        if exchange.credit > frames.WINDOW:
            raise ProtocolError("more acknowledged than was sent")

    def _ended(self, exchange: Exchange, payload: bytes) -> None:
        size = frames.EXIT_BODY.size
        if not size <= len(payload) <= size + frames.WORDS:
            raise ProtocolError("an end of another length")
        code, how = frames.EXIT_BODY.unpack_from(payload)
        if how > frames.CANCELLED:
            raise ProtocolError(f"an end of unknown kind {how}")
        exchange.end = (code, how, payload[size:])
        del self._exchanges[exchange.number]

    def _output(self, exchange: Exchange, frame: frames.Frame) -> None:
        exchange.unacknowledged += len(frame.payload)
        if not frame.payload or exchange.unacknowledged > frames.WINDOW:
            raise ProtocolError("output beyond the window")
        if not exchange.abandoned:
            exchange.held[frame.kind] += frame.payload
