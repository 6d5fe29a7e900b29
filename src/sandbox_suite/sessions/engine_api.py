"""The few calls of the Docker Engine API that a session needs, as bytes: which socket, what to send, what came back.

Our own, because the holder must start in a blink and stay small; `engine` has the full client.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

DEFAULT_HOST = "unix:///var/run/docker.sock"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
STREAM_HEADER = 8  # of the engine's multiplexed streams: stream, three zeros, length
STDOUT, STDERR = 1, 2


class EngineError(Exception):
    """The engine refused; `status` is HTTP's."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Answer(NamedTuple):
    """The engine's answer to a plain call."""

    status: int
    body: Any


def socket_path(environment: Mapping[str, str]) -> str | None:
    """Return the engine's unix socket, or None where DOCKER_HOST is of another kind and only the CLI knows the way."""
    host = environment.get("DOCKER_HOST") or DEFAULT_HOST
    return host.removeprefix("unix://") if host.startswith("unix://") else None


def checked(container: str) -> str:
    """Return a container's name or id, which is about to stand in a URL."""
    if not NAME.fullmatch(container):
        raise EngineError(400, f"`{container}` is no container name")
    return container


def plain_call(method: str, path: str, body: Any = None) -> bytes:
    """Return a request whose answer ends with the connection (HTTP/1.0: never chunked)."""
    return _request(f"{method} {path} HTTP/1.0", b"" if body is None else json.dumps(body).encode(), ())


def upgrade_call(path: str, body: Any) -> bytes:
    """Return the request after which the connection carries the exec's streams."""
    upgrade = ("Connection: Upgrade", "Upgrade: tcp")
    return _request(f"POST {path} HTTP/1.1", json.dumps(body).encode(), upgrade)


def _request(first: str, body: bytes, more: tuple[str, ...]) -> bytes:
    lines = [first, "Host: docker", "Content-Type: application/json", f"Content-Length: {len(body)}", *more]
    return "\r\n".join([*lines, "", ""]).encode() + body


def parse(raw: bytes) -> Answer:
    """Return the answer to a plain call; raise EngineError with the engine's own words where it refused."""
    head, _, body = raw.partition(b"\r\n\r\n")
    status = status_of(head)
    try:
        content = json.loads(body) if body.strip() else None
    except ValueError:
        content = {"message": body[-300:].decode(errors="replace")}
    if status >= 300:
        raise EngineError(status, str((content or {}).get("message", f"HTTP {status}")))
    return Answer(status, content)


def status_of(head: bytes) -> int:
    """Return the status in an answer's first line."""
    fields = head.split(None, 2)
    if len(fields) < 2 or not fields[1].isdigit():
        raise EngineError(0, "the Docker engine does not speak HTTP on its socket")
    return int(fields[1])


def exec_spec(argv: tuple[str, ...], user: str | None, env: Mapping[str, str], tty: bool = False) -> dict[str, Any]:
    """Return the body that creates an exec."""
    spec: dict[str, Any] = {"Cmd": list(argv), "Tty": tty, "Env": [f"{key}={value}" for key, value in env.items()]}
    spec |= {"AttachStdin": True, "AttachStdout": True, "AttachStderr": True}
    return spec | ({"User": user} if user else {})


class Demultiplexer:
    """Takes the engine's stream apart into (stream, bytes)."""

    def __init__(self) -> None:
        self._held, self._stream, self._left = b"", 0, 0

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return the pieces in `data`; a piece may be part of what was written at once."""
        data, pieces = self._held + data, []
        at = 0
        while at < len(data):
            if not self._left:
                if len(data) - at < STREAM_HEADER:
                    break
                self._stream, self._left = data[at], int.from_bytes(data[at + 4 : at + STREAM_HEADER], "big")
                at += STREAM_HEADER
            piece = data[at : at + self._left]
            if piece:
                pieces.append((self._stream, piece))
            at += len(piece)
            self._left -= len(piece)
        self._held = data[at:]
        return pieces
