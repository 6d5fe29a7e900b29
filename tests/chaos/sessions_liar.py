"""An agent that may lie, as the holder meets it: answers by chance, honest or spoiled, silent or gone at any moment."""

import asyncio
import marshal
import random
from collections.abc import Mapping

from sandbox_suite.sessions import bundle, frames
from sandbox_suite.sessions.carrier import NO_ENV, Carrier, Pieces
from sandbox_suite.sessions.engine_api import STDERR, STDOUT, EngineError
from tests.chaos import sessions_streams as streams

HELLO = frames.HELLO_BODY.pack(frames.PROTOCOL, 3, 11, 1, 7)


class Liar:
    """The carrier to such an agent. `honest`: it keeps to the protocol, and answers all."""

    def __init__(self, chance: random.Random, honest: bool) -> None:
        self.honest, self.faults = honest, [] if honest else [chance.choice((0.02, 0.2, 1.0))]
        self.output = 0  # bytes that it made, for whoever compares
        self.wrong = ""  # what the holder said that it may not
        self._chance = chance
        self._boot = len(bundle.bundle()[1])
        self._splitter = frames.Splitter(frames.TO_AGENT, frames.MAX_TO_AGENT)
        self._pieces: asyncio.Queue[Pieces] = asyncio.Queue()
        self._open: set[int] = set()
        self._closed = False
        self._say([frames.pack(frames.HELLO, 0, HELLO)])

    async def read(self) -> Pieces:
        """Return what comes next; nothing once it is gone."""
        return [] if self._closed else await self._pieces.get()

    def write(self, data: bytes) -> None:
        """Hear the holder, which has to keep to the protocol whatever it is told."""
        self._boot, data = max(0, self._boot - len(data)), data[self._boot :]
        try:
            for frame in self._splitter.feed(data):
                self._hear(frame)
        except frames.ProtocolError as error:
            self.wrong = str(error)

    async def drain(self) -> None:
        """Nothing is in the way."""

    def end_input(self) -> None:
        """Nothing changes."""

    async def exit_code(self) -> int | None:
        """Return an exit code: it may claim that there is no Python."""
        return self._chance.choice((None, 0, 1, 126, 127))

    def close(self) -> None:
        """Be let go of."""
        self._closed = True
        self._pieces.put_nowait([])

    def _hear(self, frame: frames.Frame) -> None:
        if frame.kind == frames.REQUEST:
            if frame.number in self._open:
                self.wrong = f"request {frame.number} twice"
            self._open.add(frame.number)
            self._say(self._answer(frame.number, marshal.loads(frame.payload)["op"]))
        elif frame.kind == frames.INPUT and frame.payload and frame.number in self._open:
            self._say([frames.pack(frames.CREDIT, frame.number, frames.CREDIT_BODY.pack(len(frame.payload)))])
        elif frame.kind == frames.INPUT and not frame.payload and frame.number in self._open:
            self._open.discard(frame.number)
            self._say([self._end(frame.number)])

    def _answer(self, number: int, operation: str) -> list[bytes]:
        """Return output within the window."""
        kinds = (frames.OUTPUT, frames.ERROR)
        count = 0 if self.honest and operation in ("put", "learn") else self._chance.randrange(5)
        sizes = [self._chance.choice((1, 20, 5000, 100_000)) for _ in range(count)]
        self.output += sum(sizes)
        said = [frames.pack(self._chance.choice(kinds), number, bytes([65 + number % 26]) * size) for size in sizes]
        if not self.honest and not self._chance.randrange(4):
            said.append(self._end(number))
        return said

    def _end(self, number: int) -> bytes:
        how = frames.ENDED if self.honest else self._chance.choice((0, 0, 0, 1, 2, 3))
        words = b"" if self.honest else self._chance.choice((b"", b"\x1b[2Jwords", b"\xff\xfe", b"w" * 1000))
        return frames.pack(frames.EXIT, number, frames.EXIT_BODY.pack(self._chance.choice((0, 1, -9)), how) + words)

    def _say(self, said: list[bytes]) -> None:
        chance = self._chance
        if self.faults and said and chance.random() < self.faults[0]:
            way = chance.randrange(6)
            if way < 3:
                said = streams.spoiled(chance, said, frames.FROM_AGENT)
            elif way == 3:
                said = streams.nonsense(chance, frames.FROM_AGENT)
            elif way == 4:
                said = []  # silent
            else:
                self._tell([b"".join(said)[: chance.randrange(30)]])
                return self.close()
        return self._tell(streams.pieces(chance, b"".join(said)))

    def _tell(self, data: list[bytes]) -> None:
        for piece in data:
            stream = STDERR if self.faults and self._chance.random() < self.faults[0] / 10 else STDOUT
            if not self._closed:
                self._pieces.put_nowait([(stream, piece)])


class Engine:
    """The Docker engine to one container of liars. Killing it ends them."""

    def __init__(self, chance: random.Random, honest: bool) -> None:
        self.killed = False
        self.liars: list[Liar] = []
        self._chance, self._honest = chance, honest

    async def identify(self, container: str) -> str:
        """Return an id, unless the container is gone."""
        if self.killed:
            raise EngineError(409, f"container {container} is not running (exited)")
        return container

    async def start(
        self, container: str, user: str | None, argv: tuple[str, ...], env: Mapping[str, str] = NO_ENV
    ) -> Carrier:
        """Start an agent."""
        await asyncio.sleep(0)
        if self.killed or (not self._honest and not self._chance.randrange(20)):
            raise EngineError(self._chance.choice((0, 404, 500)), self._chance.choice(("no", "python3: not found")))
        self.liars.append(Liar(self._chance, self._honest))
        return self.liars[-1]

    async def kill(self, container: str) -> None:
        """Kill the container, or fail to."""
        self.killed = True
        for liar in self.liars:
            liar.close()
