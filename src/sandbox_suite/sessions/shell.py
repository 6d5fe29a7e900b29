"""A shell in a container, through its session: a terminal there joined to ours, or pipes where ours is none."""

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sandbox_suite.sessions import engine_shell, frames, holder, terminal
from sandbox_suite.sessions.client import Client
from sandbox_suite.sessions.engine_api import EngineError
from sandbox_suite.sessions.errors import SessionError, SessionUnopenedError
from sandbox_suite.sessions.joined import Joined, Talk
from sandbox_suite.sessions.terminal import Signals

NO_LIMIT = 1e8  # seconds
LOOK_SECONDS = 10.0


def attach(runtime: Path, container: str, user: str | None, argv: Sequence[str]) -> int:
    """Run `argv` in the container with our standard streams; return its exit code, or 128 + the signal that ends us.

    `runtime` is the installation's folder of sockets. Raises SessionError where that failed, our terminal put back.
    """
    client = _opened(runtime, container, user)
    if isinstance(client, SessionUnopenedError):
        return _by_engine(container, user, argv, client)
    with client:
        return _by_session(client, argv, terminal.ours())


def _opened(runtime: Path, container: str, user: str | None) -> Client | SessionUnopenedError:
    """Return a client whose session is open, before anything of our input is read; or why there is none."""
    try:
        client = Client(holder.ensure(runtime), container, user)
        if client.stat(ready=True)["kind"] == "agent":
            return client
        client.close()
    except SessionUnopenedError as error:
        return error
    return SessionUnopenedError(f"{container}: there is no python3", left="the container")


def _by_session(client: Client, argv: Sequence[str], windowed: bool) -> int:
    spec: dict[str, Any] = {"op": "exec", "argv": list(argv)}
    if windowed:
        spec |= {"op": "terminal", "env": {"TERM": terminal.kind()}, "size": terminal.size()}

    def look() -> None:
        """Raise SessionError where the agent is silent altogether."""
        with Client(client.socket, client.container, client.user) as other:
            other.exec(["true"], timeout=LOOK_SECONDS)

    return _joined(client.begin(spec, NO_LIMIT), windowed, look)


def _by_engine(container: str, user: str | None, argv: Sequence[str], reason: SessionError) -> int:
    """Do without a session, and say so; where that is no way either, its reason is the one to tell."""
    windowed = terminal.ours()
    try:
        talk = engine_shell.start(container, user, argv, windowed)
    except EngineError:
        raise reason from None
    _tell(f"{reason.explanation.what}; the Docker engine is asked for the shell instead")
    if talk is None:
        return engine_shell.by_cli(container, user, argv, windowed)
    with contextlib.closing(talk):
        return _joined(talk, windowed, lambda: None)


def _joined(talk: Talk, windowed: bool, look: Callable[[], None]) -> int:
    try:
        with Signals() as signals, terminal.raw() if windowed else contextlib.nullcontext():
            ending = Joined(talk, signals, windowed, look).run()
    except SessionError:
        if windowed:
            _tell("")  # the program's last line may have no end
        raise
    if ending.how == frames.REFUSED:
        _tell(ending.words)
    return ending.status


def _tell(line: str) -> None:
    with contextlib.suppress(OSError):
        os.write(2, f"{line}\n".encode())
