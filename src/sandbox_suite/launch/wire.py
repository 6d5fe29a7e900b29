"""What passes between a caller and the forkserver: one request with descriptors, then lines of JSON back."""

import array
import contextlib
import json
import socket as sockets
import struct
from typing import Any, NamedTuple

LENGTH = struct.Struct(">I")
MOST_DESCRIPTORS = 64


class Order(NamedTuple):
    """What to start. `descriptors` are the numbers the child will see the sent descriptors under."""

    target: str  # `package.module:function`
    arguments: list[Any]  # JSON values
    environment: dict[str, str]
    directory: str
    descriptors: list[int]
    grace: float  # seconds between SIGTERM and SIGKILL


def send_order(line: sockets.socket, order: Order, descriptors: list[int]) -> None:
    """Send an order and the descriptors that belong to it."""
    body = json.dumps(order._asdict()).encode()
    sockets.send_fds(line, [LENGTH.pack(len(body))], descriptors)
    line.sendall(body)


def receive_order(line: sockets.socket) -> tuple[Order, list[int]]:
    """Receive an order; raise EOFError where the caller left."""
    head, ancillary, _, _ = line.recvmsg(LENGTH.size, sockets.CMSG_SPACE(MOST_DESCRIPTORS * array.array("i").itemsize))
    received = array.array("i")
    for _, _, data in ancillary:
        received.frombytes(data[: len(data) - len(data) % received.itemsize])
    (length,) = LENGTH.unpack(_whole(line, LENGTH.size, head))
    return Order(**json.loads(_whole(line, length))), list(received)


def tell(line: sockets.socket, **facts: Any) -> None:
    """Send a line of JSON to a caller that may have left."""
    with contextlib.suppress(OSError):
        line.sendall(json.dumps(facts).encode() + b"\n")


def _whole(line: sockets.socket, size: int, data: bytes = b"") -> bytes:
    while len(data) < size:
        part = line.recv(size - len(data))
        if not part:
            raise EOFError("the caller left")
        data += part
    return data
