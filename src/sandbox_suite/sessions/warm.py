"""Warm modules, seen from the host: what the agent is taught, which modules it is given, and what runs cold instead.

Cold is a Python of its own for the payload, as without a session: the same results, only slower.
"""

import asyncio
import marshal
import sys
from typing import Any

from sandbox_suite.sessions import frames, session
from sandbox_suite.sessions.carrier import Carrier
from sandbox_suite.sessions.library import Key, Library
from sandbox_suite.sessions.line import Line, OwnLine, Replay, SessionFailedError
from sandbox_suite.sessions.payload import Payload, recognised
from sandbox_suite.sessions.session import Session, Violated

LESSON_SECONDS = 30.0
OURS = tuple(sys.version_info[:2])  # code is the same for a minor version of Python


class WarmSession(Session):
    """A session that also takes `module`: a command with Ansible's payload as its input."""

    def __init__(self, place: str, carrier: Carrier, violated: Violated, library: Library) -> None:
        super().__init__(place, carrier, violated)
        self.warm = self.cold = 0
        self.coldly = ""  # why the last module ran cold
        self._library = library
        self._known: set[Key] = set()
        self._unfit = ""  # why no module can run warm
        self._teaching = asyncio.Lock()

    def facts(self) -> dict[str, Any]:
        """Return what `stat` shows."""
        return super().facts() | {"warm": self.warm, "cold": self.cold, "coldly": self.coldly}

    async def perform(self, spec: dict[str, Any], line: Line) -> None:
        """Do what a client asks and tell it the end."""
        if spec["op"] != "module":
            return await super().perform(spec, line)
        data = await line.whole()
        refusal = await self._warmly(spec, data, line)
        if not refusal:
            return None
        self.cold += 1
        self.coldly = refusal
        command = {"op": "exec", "argv": spec["argv"], "timeout": spec["timeout"]}
        return await super().perform(command, Replay(line, data))

    async def prepare(self) -> None:
        """Teach the agent what all modules need, before the first one comes."""
        if usual := self._library.usual():
            await self._teach(usual)

    async def _warmly(self, spec: dict[str, Any], data: bytes, line: Line) -> str:
        """Run the module in the agent; say why that was not done, before any of it was."""
        if not spec.get("warm", True):
            return "not wanted"
        payload = recognised(spec["argv"], data, self._library)
        if payload is None:
            return "not understood"
        await self._taught_in_time(payload.files, spec["timeout"] + session.GRACE)
        if self._unfit:
            return self._unfit
        attempt = Attempt(line)
        self.warm += 1
        await super().perform(_request(payload, spec["timeout"]), attempt)
        self.warm -= bool(attempt.refusal)
        return attempt.refusal

    async def _taught_in_time(self, files: tuple[Key, ...], seconds: float) -> None:
        """Teach; a lesson has no more time than the request that needs it, nor has one that it waits for."""
        try:
            async with asyncio.timeout(seconds):
                await self._teach(files)
        except TimeoutError:
            self.close("the agent does not learn; its session was closed")
            raise SessionFailedError(self.ended or "") from None

    async def _teach(self, files: tuple[Key, ...]) -> None:
        """Send what the agent lacks, once; one that cannot use it is not asked again."""
        async with self._teaching:
            missing = [key for key in files if key not in self._known]
            if not missing or self._unfit:
                return
            lesson = OwnLine(marshal.dumps([self._taught(key) for key in missing], 2))
            await super().perform({"op": "learn", "files": list(files), "timeout": LESSON_SECONDS}, lesson)
            if lesson.how == frames.ENDED:
                self._known.update(missing)
            else:
                self._unfit = lesson.words or "the agent did not learn in time"

    def _taught(self, key: Key) -> tuple[Key, bytes | None, bytes | None]:
        hello = self.greeting()
        if (hello.major, hello.minor) == OURS:
            return key, self._library.code(key), None
        return key, None, self._library.text(key)


class Attempt(Replay):
    """A client's line while its module is tried warm: a refusal is kept from it, it gets the cold run instead."""

    def __init__(self, line: Line) -> None:
        super().__init__(line, b"")
        self.refusal = ""

    def end(self, code: int, how: int = frames.ENDED, words: bytes = b"") -> None:
        """Tell the end of the request, if it was begun."""
        if how == frames.REFUSED:
            self.refusal = words.decode(errors="replace") or "refused"
        else:
            super().end(code, how, words)


def _request(payload: Payload, timeout: float) -> dict[str, Any]:
    return {
        "op": "module",
        "timeout": timeout,
        "python": payload.python,
        "env": payload.env,
        "files": list(payload.files),
        "call": payload.call,
    }
