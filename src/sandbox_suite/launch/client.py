"""A child of the forkserver, as its caller sees it."""

import contextlib
import json
import os
import socket as sockets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox_suite.launch import wire
from sandbox_suite.launch.forkserver import LaunchError

GRACE = 10.0
START_SECONDS = 60.0


class Child:
    """A started child. Closing it, or the end of this process, ends it and everything it started."""

    def __init__(self, line: sockets.socket, target: str) -> None:
        self._line, self._target = line, target
        self._heard = b""
        self.returncode: int | None = None
        self.reason = ""  # why it was ended before its work was done; empty when it was not
        self.pid = int(self._told(START_SECONDS)["pid"])

    @classmethod
    def start(
        cls,
        socket: Path,
        target: str,
        args: Sequence[Any] = (),
        env: Mapping[str, str] | None = None,
        cwd: Path | str | None = None,
        stdout_path: Path | None = None,
        fds: tuple[int, int, int] | None = None,
        inherit_fds: Sequence[int] = (),
        grace: float = GRACE,
    ) -> "Child":
        """Start `module:function` with JSON arguments.

        Its output is appended to `stdout_path`, or goes to `fds` (standard input, output, error; by default ours).
        Descriptors in `inherit_fds` keep their numbers. `env` None is ours. SIGKILL follows SIGTERM after `grace`
        seconds.
        """
        opened = _streams(stdout_path) if stdout_path else fds or (0, 1, 2)
        order = wire.Order(
            target=target,
            arguments=list(args),
            environment=dict(os.environ if env is None else env),
            directory=str(cwd or Path.cwd()),
            descriptors=[0, 1, 2, *inherit_fds],
            grace=grace,
        )
        try:
            return cls(_ordered(socket, order, [*opened, *inherit_fds]), target)
        finally:
            if stdout_path:
                for descriptor in opened:
                    os.close(descriptor)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code (negative: the signal) once the child and all it started are gone; else TimeoutError."""
        if self.returncode is None:
            told = self._told(timeout)
            self.returncode, self.reason = int(told["exit"]), str(told["reason"])
        return self.returncode

    def poll(self) -> int | None:
        """Return the exit code, or None while the child runs."""
        try:
            return self.wait(0)
        except TimeoutError:
            return None

    def terminate(self) -> None:
        """Ask the child to end; `wait` tells when it has."""
        with contextlib.suppress(OSError):
            self._line.shutdown(sockets.SHUT_WR)

    def close(self) -> None:
        """Let go: a child that still runs is ended, without waiting for it."""
        self._line.close()

    def fileno(self) -> int:
        """Return the descriptor that is readable once there is something to `poll` for."""
        return self._line.fileno()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _told(self, timeout: float | None) -> dict[str, Any]:
        """Return the next line of the keeper."""
        until = None if timeout is None else time.monotonic() + timeout
        while b"\n" not in self._heard:
            self._line.settimeout(None if until is None else max(until - time.monotonic(), 1e-6))
            try:
                data = self._line.recv(4096)
            except TimeoutError:
                raise TimeoutError(f"{self._target} still runs") from None
            except OSError:
                data = b""
            if not data:
                raise _lost(self._target)
            self._heard += data
        line, _, self._heard = self._heard.partition(b"\n")
        told: dict[str, Any] = json.loads(line)
        return told


def _streams(path: Path) -> tuple[int, int, int]:
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return nothing, log, os.dup(log)


def _ordered(socket: Path, order: wire.Order, descriptors: list[int]) -> sockets.socket:
    line = sockets.socket(sockets.AF_UNIX)
    try:
        line.connect(str(socket))
        wire.send_order(line, order, descriptors)
    except OSError as error:
        line.close()
        raise LaunchError(
            f"{order.target} was not started: the forkserver at {socket} does not answer ({error.strerror})",
            remedy="start it again: `sandbox_suite.launch.forkserver.start`",
        ) from None
    return line


def _lost(target: str) -> LaunchError:
    return LaunchError(
        f"the forkserver ended while {target} was running; how that ended is not known",
        left="what it had already done",
        remedy="look at what it made, then start it again",
    )
