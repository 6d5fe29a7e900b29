"""Opening a session: start the agent where the container has Python, else speak through plain execs."""

import asyncio

from sandbox_suite.sessions import bundle
from sandbox_suite.sessions.carrier import Engine
from sandbox_suite.sessions.engine_api import EngineError
from sandbox_suite.sessions.library import Library
from sandbox_suite.sessions.line import SessionFailedError
from sandbox_suite.sessions.plain import PlainSession
from sandbox_suite.sessions.session import Violated
from sandbox_suite.sessions.warm import WarmSession

HELLO_SECONDS = 20.0
NOT_EXECUTABLE, NOT_FOUND = 126, 127  # how the engine ends an exec whose program is not there
ABSENT = ("executable file not found", "no such file or directory")

AnySession = WarmSession | PlainSession


async def open_session(
    engine: Engine, container: str, user: str | None, violated: Violated, library: Library
) -> AnySession:
    """Open a session; raise SessionFailedError in words where there is no way in."""
    place = f"{user}@{container}" if user else container
    argv, data = bundle.bundle()
    try:
        carrier = await engine.start(container, user, argv)
    except EngineError as error:
        if _python_missing(str(error)):
            return PlainSession(place, engine, container, user)
        raise SessionFailedError(f"{place}: {error}", remedy_for(error)) from None
    session = WarmSession(place, carrier, violated, library)
    session.write(data)
    try:
        await session.greeted(HELLO_SECONDS)
    except SessionFailedError:
        if await carrier.exit_code() in (NOT_EXECUTABLE, NOT_FOUND) and _python_missing(session.said()):
            return PlainSession(place, engine, container, user)
        raise
    except asyncio.CancelledError:  # nobody else knows of it yet
        session.close("the holder ended")
        raise
    return session


def _python_missing(words: str) -> bool:
    return "python3" in words and any(sign in words for sign in ABSENT)


def remedy_for(error: EngineError) -> str:
    """Return what to do about an engine's refusal."""
    if error.status == 0:
        return "start the Docker engine, or see `invoke ops.doctor`"
    return "see which containers run: `invoke sandbox.list`, `docker ps -a`"
