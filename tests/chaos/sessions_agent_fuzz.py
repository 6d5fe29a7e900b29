"""Arbitrary holders against the real agent. Runs in a container (see `sessions_fuzz`), where it can harm nobody.

Each life of an agent is a fresh process. What it says must be frames of its requests, within the windows; what makes
sense must be answered; it must end soon after its pipe, of itself, with nothing left running, and stay small.
Prints one JSON object: how much was tried, and the findings, each with the number that repeats it.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import select
import signal
import sys
import time

from sandbox_suite.sessions import agent, frames
from sandbox_suite.sessions.agent_family import SUBREAPER, control
from tests.chaos import sessions_streams as streams

ENDS = (0, 2)  # the pipe was closed; the holder broke the protocol
END_SECONDS = 15.0  # from the pipe's end to the agent's
ANSWER_SECONDS = 30.0  # for requests that all end within a second
ADDRESSES = 768 << 20  # what an agent may map: a request's bytes can claim any size
MOST_MB = 128.0  # resident, at any time
GROWTH_MB = 8.0  # of an agent that only hears sense, between its first and its last stream
LONG = 30  # streams of such a life
MOST_FINDINGS = 20


class Life:
    """One agent, and what was seen of it."""

    def __init__(self, deaf: bool = False) -> None:
        (theirs, self.sink), (self.source, ours), (self.errors, cries) = os.pipe(), os.pipe(), os.pipe()
        self.pid = os.fork()
        if not self.pid:
            be_agent(theirs, ours, cries)
        for end in (theirs, ours, cries):
            os.close(end)
        for end in (self.sink, self.source, self.errors):
            os.set_blocking(end, False)
        self.splitter = frames.Splitter(frames.FROM_AGENT, frames.MAX_FROM_AGENT)
        self.open: dict[int, int] = {}  # request -> bytes of its output that were not acknowledged
        self.asked: set[int] = set()
        self.owed: list[bytes] = []  # acknowledgements, to be said between two frames
        self.deaf, self.gone, self.credit = deaf, False, True

    def talk(self, said: list[list[bytes]]) -> bool:
        """Say all of it, frame by frame in pieces, hearing meanwhile; False where the agent does not take it."""
        until = time.monotonic() + ANSWER_SECONDS
        for frame in said:
            owed, self.owed = self.owed, []
            for piece in (*owed, *frame):
                left = memoryview(piece)
                while left and not self.gone:
                    self.hear(0.0)
                    try:
                        left = left[os.write(self.sink, left[: 1 << 16]) :]
                    except BlockingIOError:
                        self.hear(0.01)
                        if time.monotonic() > until:
                            return self.deaf  # who is not heard may stop listening
                    except BrokenPipeError:
                        self.gone = True
        return True

    def hear(self, seconds: float) -> None:
        """Take what the agent says; raise ProtocolError where it may not say that."""
        if self.deaf or self.gone:
            time.sleep(seconds)
        elif select.select([self.source], [], [], seconds)[0]:
            data = os.read(self.source, 1 << 18)
            self.gone = not data
            for frame in self.splitter.feed(data):
                self._heard(frame)

    def _heard(self, frame: frames.Frame) -> None:
        kind, number, payload = frame
        if kind == frames.HELLO:
            return
        if number not in self.open:
            raise frames.ProtocolError("a frame {} for {}, which is not open".format(kind, number))  # noqa: UP032
        if kind == frames.EXIT:
            del self.open[number]
        elif kind in (frames.OUTPUT, frames.ERROR):
            self.open[number] += len(payload)
            if not payload or self.open[number] > frames.WINDOW:
                raise frames.ProtocolError("output beyond the window")
            if self.credit:
                self.owed.append(frames.pack(frames.CREDIT, number, frames.CREDIT_BODY.pack(self.open[number])))
                self.open[number] = 0

    def memory(self, line: str = "VmHWM") -> float:
        """Return the MB that the agent holds at most, or now (VmRSS)."""
        with open(f"/proc/{self.pid}/status") as file:  # noqa: PTH123
            return next((int(found.split()[1]) / 1024 for found in file if found.startswith(line)), 0.0)

    def end(self) -> tuple[int | None, str]:
        """Hang up; return the agent's exit code (None: it had to be killed) and what it cried."""
        for descriptor in (self.sink, self.source):
            os.close(descriptor)
        until = time.monotonic() + END_SECONDS
        status, cried = None, b""
        while status is None and time.monotonic() < until:
            select.select([self.errors], [], [], 0.02)
            with contextlib.suppress(BlockingIOError):
                cried = (cried + os.read(self.errors, 1 << 16))[-3000:]
            pid, found = os.waitpid(self.pid, os.WNOHANG)
            status = os.waitstatus_to_exitcode(found) if pid else None
        if status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.errors)
        return status, cried.decode(errors="replace")


def be_agent(source: int, sink: int, errors: int) -> None:
    """Be the agent, as its boot code starts it."""
    os.setsid()
    for number, descriptor in enumerate((source, sink, errors)):
        os.dup2(descriptor, number)
    os.closerange(3, 256)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        agent.main()
    finally:
        os._exit(99)  # it ends by itself


def left_over() -> list[str]:
    """Return the processes that lost their parent to us, and end them."""
    until, found = time.monotonic() + 2, ["-"]
    while found and time.monotonic() < until:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        found = [entry for entry in os.listdir("/proc") if entry.isdigit() and _is_ours(entry)]  # noqa: PTH208
        time.sleep(0.005 if found else 0)
    told = []
    for entry in found:
        with contextlib.suppress(OSError):
            with open(f"/proc/{entry}/cmdline", "rb") as file:  # noqa: PTH123
                told.append(f"process {entry} was left: {file.read()!r}")
            os.kill(int(entry), signal.SIGKILL)
    return told


def _is_ours(entry: str) -> bool:
    with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", "rb") as file:  # noqa: PTH123
        fields = file.read().rpartition(b")")[2].split()
        return int(fields[1]) == os.getpid() and fields[0] not in b"ZX"
    return False


def sensible(chance: random.Random) -> list[str]:
    """Live long among holders that keep to the protocol: every request is answered, and nothing grows."""
    life, problems, first = Life(), [], 0.0
    for turn in range(chance.choice((3, 3, 3, LONG))):
        numbers = range(1 + 10 * turn, 1 + 10 * turn + chance.randint(1, 8))
        life.open.update(dict.fromkeys(numbers, 0))
        said = streams.conversation(chance, numbers[0], len(numbers))
        taken = life.talk([streams.pieces(chance, frame) for frame in said])
        until = time.monotonic() + ANSWER_SECONDS
        while life.open and not life.gone and time.monotonic() < until:
            life.hear(0.1)
            life.talk([[]])
        if life.open or not taken:
            problems.append(f"not answered in time: {sorted(life.open)}, taken {taken}, gone {life.gone}")
            break
        first = first or life.memory("VmRSS")
    growth = life.memory("VmRSS") - first
    if growth > GROWTH_MB:
        problems.append(f"grew by {growth:.1f} MB")
    return problems + ended(life, (0,))


def senseless(chance: random.Random) -> list[str]:
    """Live among holders that break the protocol, do not acknowledge, or do not listen."""
    life = Life(deaf=not chance.randrange(8))
    life.credit = bool(chance.randrange(3))
    life.open = Anything()
    said = streams.conversation(chance, 1, chance.randint(1, 5))
    if chance.randrange(5):
        said = streams.spoiled(chance, said, frames.TO_AGENT)
    else:
        said = streams.nonsense(chance, frames.TO_AGENT)
    taken = life.talk([streams.pieces(chance, b"".join(said))])
    life.hear(chance.choice((0.0, 0.02, 0.2)))
    return ([] if taken else ["stopped listening"]) + ended(life, ENDS)


class Anything(dict):  # type: ignore[type-arg]
    """Requests of which we do not know which were understood: each number counts as open."""

    def __contains__(self, number: object) -> bool:
        return True

    def __missing__(self, number: int) -> int:
        return 0

    def __delitem__(self, number: int) -> None:
        self.pop(number, None)


def ended(life: Life, codes: tuple[int, ...]) -> list[str]:
    """See a life's end; return what was wrong with it."""
    peak = 0.0 if life.gone else life.memory()
    code, cried = life.end()
    problems = left_over()
    if code not in codes:
        problems.append(f"ended with {code} (None: had to be killed): {cried}")
    if peak > MOST_MB:
        problems.append(f"held {peak:.0f} MB")
    return problems


def one(seed: str) -> list[str]:
    """Live one life; return what was wrong."""
    chance = random.Random(seed)
    try:
        return (senseless if chance.randrange(4) else sensible)(chance)
    except frames.ProtocolError as error:
        left_over()
        return [f"the agent said what it may not: {error}"]


def main(seed: int, seconds: float, only: str = "") -> None:
    """Live for `seconds`."""
    control(SUBREAPER, 1)
    os.makedirs(streams.PLACE, exist_ok=True)  # noqa: PTH103
    until, lives, findings = time.monotonic() + seconds, 0, []
    while time.monotonic() < until and len(findings) < MOST_FINDINGS and not (only and lives):
        name = only or f"{seed}-{lives}"
        findings += [f"agent, life {name}: {problem}" for problem in one(name)]
        lives += 1
    sys.stdout.write(json.dumps({"lives": lives, "findings": findings}) + "\n")
    sys.stdout.flush()
