"""Arbitrary agents against the real holder. `python -m tests.chaos.sessions_holder_fuzz SEED SECONDS [ONLY]`.

Many clients at once ask many containers, whose agents are honest or lie (see `sessions_liar`). Each request must end,
or fail in words; honest agents' answers must arrive whole; nothing may be raised elsewhere, hang, stay, or grow.
"""

import asyncio
import collections
import gc
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

from sandbox_suite.sessions import frames, opening, server, session
from sandbox_suite.sessions.answers import FROM_HOLDER, LONGEST
from sandbox_suite.sessions.line import ClientGoneError, Line
from sandbox_suite.sessions.server import Holder
from tests.chaos import sessions_payload
from tests.chaos.sessions_liar import Engine

PATIENCE = 0.3  # seconds of a request to a liar; an honest agent gets more than it needs
LIMIT = 20.0  # seconds after which a request hangs: its own time, all the holder's grace, and a slow machine
GROWTH_MB = 48.0  # from after the first batches to the end: the allocator alone swings by 20
WARM_UP = 3  # batches
BATCH = 128  # containers at once
MOST_FINDINGS = 20
PAYLOAD = sessions_payload.payload()


class Client:
    """A client: both ends of its line as the holder has them. Says its input, takes what comes, or leaves."""

    def __init__(self, chance: random.Random, data: bytes, leaves: bool, windowed: bool) -> None:
        self.ends: list[tuple[int, int, bytes]] = []
        self.failure = ""
        self.outputs: dict[bytes, int] = {}
        pieces = [data[at : at + 65536] for at in range(0, len(data), 65536)]
        said = [frames.pack(frames.INPUT, 0, piece) for piece in [*pieces, b""]]
        if windowed:
            said.insert(chance.randrange(len(said) + 1), frames.pack(frames.SIZE, 0, frames.SIZE_BODY.pack(24, 80)))
        self._says = b"".join(said)
        self._slow, self._leaves = not chance.randrange(5), leaves
        self._splitter = frames.Splitter(FROM_HOLDER, LONGEST)

    async def readexactly(self, count: int) -> bytes:
        """Say the next bytes; then nothing, or leave."""
        await asyncio.sleep(0)
        if not self._says:
            await asyncio.sleep(0.01 if self._leaves else 3600)
            raise asyncio.IncompleteReadError(b"", count)
        said, self._says = self._says[:count], self._says[count:]
        return said

    def write(self, data: bytes) -> None:
        """Take frames."""
        for kind, _, payload in self._splitter.feed(data):
            if kind == frames.EXIT:
                code, how = frames.EXIT_BODY.unpack_from(payload)
                self.ends.append((code, how, payload[frames.EXIT_BODY.size :]))
            elif kind == frames.FAILURE:
                self.failure = json.loads(payload)["what"]
            else:
                self.outputs[kind] = self.outputs.get(kind, 0) + len(payload)

    async def drain(self) -> None:
        """Read at our own pace."""
        await asyncio.sleep(0.02 if self._slow else 0)


class Box:
    """One container and its clients."""

    def __init__(self, seed: str) -> None:
        self.seed, self.chance = seed, random.Random(seed)
        self.honest = not self.chance.randrange(4)
        self.records: list[str] = []
        self.engine = Engine(self.chance, self.honest)
        self.holder = Holder(self.engine, lambda event, **facts: self.records.append(f"{event}: {facts.get('what')}"))
        self.findings: list[str] = []
        self.output = 0  # bytes that clients got
        self.counts = collections.Counter[str]()

    async def run(self) -> list[str]:
        """Have clients ask, all at once or one after the other; return what was wrong."""
        asking = [self._ask() for _ in range(self.chance.randint(1, 6))]
        if self.chance.randrange(2):
            await asyncio.gather(*asking)
        else:
            for one in asking:
                await one
        self.holder.close()
        await self._noted()
        broken = [liar.wrong for liar in self.engine.liars if liar.wrong]
        violated = self._violated()
        self.findings += [f"the holder broke the protocol: {wrong}" for wrong in broken]
        self.counts["violations"] += violated
        if self.honest and self.output != sum(liar.output for liar in self.engine.liars):
            self.findings.append(f"{self.output} bytes of output arrived")
        if violated != self.engine.killed or (self.honest and violated):
            self.findings.append(f"killed: {self.engine.killed}, but recorded {self.records}, honest {self.honest}")
        return [f"holder, box {self.seed}: {finding}" for finding in self.findings]

    async def _noted(self) -> None:
        """Wait for the record of a kill: it is made when the engine has answered."""
        until = time.monotonic() + LIMIT
        while self.engine.killed and not self._violated() and time.monotonic() < until:
            await asyncio.sleep(0.01)

    def _violated(self) -> bool:
        return any(record.startswith("violation") for record in self.records)

    async def _ask(self) -> None:
        operation = self.chance.choice(("exec", "exec", "terminal", "put", "get", "module"))
        data = PAYLOAD if operation == "module" else self.chance.randbytes(self.chance.choice((0, 10, 300_000)))
        argv = sessions_payload.COMMAND if operation == "module" else ["true"]
        leaves = not self.honest and not self.chance.randrange(5)
        client = Client(self.chance, data, leaves, operation == "terminal")
        asked = {"op": operation, "container": "box", "user": None, "timeout": 60.0 if self.honest else PATIENCE}
        asked |= {"path": "/tmp/file", "mode": 0o600} if operation in ("put", "get") else {"argv": argv}
        asked |= {"size": [24, 80]} if operation == "terminal" else {}
        try:
            await asyncio.wait_for(self.holder._answer(asked, Line(client, client)), LIMIT)  # type: ignore[arg-type]
        except TimeoutError:
            self.findings.append(f"{operation} hangs")
        except ClientGoneError:
            pass
        except Exception as error:
            self.findings.append(f"{operation} raised {type(error).__name__}: {error}")
        else:
            self._judge(operation, client)

    def _judge(self, operation: str, client: Client) -> None:
        self.output += sum(client.outputs.values())
        self.counts["failed" if client.failure else "ended"] += 1
        told = len(client.ends) + bool(client.failure)
        if told != 1:
            self.findings.append(f"{operation}: {len(client.ends)} ends and {client.failure!r}")
        if client.failure and (not client.failure.isprintable() or len(client.failure) > 1000):
            self.findings.append(f"{operation}: unfit words {client.failure!r}")
        if self.honest and (client.failure or client.ends[0][1] != frames.ENDED):
            self.findings.append(f"{operation}: an honest agent's answer is {client.ends} {client.failure!r}")


async def batch(names: list[str], counts: "collections.Counter[str]") -> list[str]:
    """Run boxes side by side; return what was wrong, also outside of them."""
    strays: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: strays.append(f"holder, {names[0]}..: {context}")
    )
    boxes = [Box(name) for name in names]
    found = [finding for findings in await asyncio.gather(*(box.run() for box in boxes)) for finding in findings]
    for box in boxes:
        counts += box.counts
    until = time.monotonic() + LIMIT
    while len(asyncio.all_tasks()) > 1 and time.monotonic() < until:
        await asyncio.sleep(0.01)
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    gc.collect()  # tells of exceptions that nobody asked for
    return found + strays + [f"holder, {names[0]}..: {task} is left" for task in left]


def memory() -> float:
    """Return what this process holds, in MB."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def fuzz(seed: int, seconds: float, only: str = "") -> dict[str, Any]:
    """Fuzz for `seconds`, or one box only."""
    session.GRACE, session.STRAY_SECONDS, opening.HELLO_SECONDS = 0.3, 0.1, 2.0
    server.OPEN_SECONDS = 10.0
    if only:
        return {"boxes": 1, "findings": asyncio.run(batch([only], collections.Counter()))}
    counts = collections.Counter[str]()
    until, boxes, findings, first = time.monotonic() + seconds, 0, list[str](), 0.0
    while (time.monotonic() < until or boxes < BATCH * (WARM_UP + 1)) and len(findings) < MOST_FINDINGS:
        findings += asyncio.run(batch([f"{seed}-{number}" for number in range(boxes, boxes + BATCH)], counts))
        boxes += BATCH
        first = memory() if boxes <= BATCH * WARM_UP else first
    growth = memory() - first
    if growth > GROWTH_MB:
        findings.append(f"holder: grew by {growth:.0f} MB over {boxes} boxes")
    return {"boxes": boxes, **counts, "growth_mb": round(growth, 1), "findings": findings}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(fuzz(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3] if sys.argv[3:] else "")) + "\n")
