"""What a holder says to an agent, made by chance: streams that keep to the protocol, and the same ones spoiled.

Goes into a container too (see `sessions_agent_fuzz`), so it uses nothing but the standard library and `frames`.
`LATER` is what `bundle.later` gives for a terminal; whoever uses this sets it.
"""

from __future__ import annotations

import marshal
import random
import zlib
from typing import Any

from sandbox_suite.sessions import frames

PLACE = "/tmp/fuzz"
LATER: dict[str, str] = {}
LOADER = "ansible.module_utils._internal._ansiballz._loader"
RUN_MODULE = b"""
import os, sys
def run_module(*, json_params, profile, module_fqn, modlib_path, extensions):
    os.write(1, json_params * 40)
    sys.exit(3)
"""
PACKAGES = [LOADER.rsplit(".", cut)[0] for cut in range(4, 0, -1)]
FILES = [((name, True, 0, 0), b"") for name in PACKAGES]
FILES += [((LOADER, False, len(RUN_MODULE), zlib.crc32(RUN_MODULE)), RUN_MODULE)]
KEYS = [key for key, _ in FILES]
COMMANDS = (
    ["true"],
    ["cat"],
    ["sh", "-c", "cat >/dev/null; echo said; echo heard >&2; exit 4"],
    ["sh", "-c", "head -c 1500000 /dev/zero"],
    ["sh", "-c", "sleep 9 & sleep 9"],
    ["sh", "-c", "kill -9 $$"],
    ["nothing-of-this-name"],
    ["yes"],
)
ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 1 << 70, float("inf"), float("nan"), -1e300, "", "\0", "\udcff", b"\xff", [], {}, [[]], ()),
    *([24, 80], [0, 1 << 16], [24], "def"),
    *("x" * 5000, [None], {"a": 1}, {1: 2}, ["\0"], "/", "/nowhere/at/all", "/dev/null", PLACE, ["true", 7]),
)


def request(chance: random.Random) -> tuple[dict[str, Any], bytes]:
    """Return a request as the holder makes it, and its input."""
    operation = chance.choice(("exec", "exec", "terminal", "put", "get", "learn", "module"))
    spec: dict[str, Any] = {"op": operation, "timeout": chance.choice((0.05, 0.1, 0.3))}
    if operation == "terminal":
        spec.update(LATER, size=[chance.randrange(1 << 16), 80])
    if operation in ("exec", "terminal"):
        spec.update(argv=list(chance.choice(COMMANDS)), env={"NAME": "välue"}, cwd=chance.choice((None, "/tmp")))
        return spec, chance.randbytes(chance.choice((0, 10, 3000, 70_000)))
    if operation == "put":
        spec.update(path=f"{PLACE}/{chance.randrange(9)}", mode=chance.choice((None, 0o600)))
        return spec, chance.randbytes(chance.choice((0, 10, 200_000)))
    if operation == "get":
        return {**spec, "path": f"{PLACE}/{chance.randrange(9)}"}, b""
    if operation == "learn":
        return {**spec, "files": KEYS}, marshal.dumps([(key, None, text) for key, text in FILES], 2)
    call = {"json_params": b"{}", "profile": "modern", "module_fqn": "m", "modlib_path": "/p.zip", "extensions": {}}
    return {**spec, "python": "/usr/bin/python3", "env": {"A": "b"}, "files": KEYS, "call": call}, b""


def conversation(chance: random.Random, first: int, count: int) -> list[bytes]:
    """Return the frames of `count` requests, side by side, each within its window; some are cancelled."""
    lists = []
    for number in range(first, first + count):
        spec, data = request(chance)
        one = [frames.pack(frames.REQUEST, number, marshal.dumps(spec, 2))]
        pieces = [data[at : at + frames.CHUNK] for at in range(0, len(data), frames.CHUNK)]
        one += [frames.pack(frames.INPUT, number, piece) for piece in [*pieces, b""]]
        if spec["op"] == "terminal" or not chance.randrange(20):
            size = frames.SIZE_BODY.pack(chance.randrange(1 << 16), chance.randrange(1 << 16))
            one.insert(chance.randrange(1, len(one) + 1), frames.pack(frames.SIZE, number, size))
        if not chance.randrange(6):
            one.insert(chance.randrange(1, len(one) + 1), frames.pack(frames.CANCEL, number))
        lists.append(one)
    said = []
    while lists:
        one = chance.choice(lists)
        said.append(one.pop(0))
        lists = [other for other in lists if other]
    return said


def spoiled(chance: random.Random, said: list[bytes], kinds: bytes) -> list[bytes]:
    """Return frames with something wrong: in a frame, in their order, or in the bytes."""
    said = list(said)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(said))
        way = chance.randrange(9)
        if way == 0:
            said[at] = _bent(chance, said[at])
        elif way == 1:
            del said[at : at + chance.choice((1, 1, 3))]
        elif way == 2:
            said.insert(chance.randrange(len(said) + 1), said[at])
        elif way == 3:
            chance.shuffle(said)
        elif way == 4:
            said[at] = said[at][: chance.randrange(len(said[at]) + 1)]
        elif way == 5:
            said.insert(at, chance.randbytes(chance.choice((1, 9, 300))))
        else:
            said[at] = _other(chance, said[at], kinds)
        if not said:
            return [chance.randbytes(30)]
    return said


def nonsense(chance: random.Random, kinds: bytes) -> list[bytes]:
    """Return frames of the right shape that make no sense, or bytes that are no frames."""
    if chance.randrange(2):
        return [chance.randbytes(chance.choice((1, 20, 5000, 300_000)))]
    return [_any(chance, kinds) for _ in range(chance.choice((1, 5, 60)))]


def pieces(chance: random.Random, data: bytes) -> list[bytes]:
    """Return `data` as a pipe might deliver it."""
    longest = chance.choice((7, 4096, 1 << 16, 1 << 18)) if len(data) < 20_000 else 1 << 16
    cuts, at = [], 0
    while at < len(data):
        size = chance.randint(1, longest)
        cuts.append(data[at : at + size])
        at += size
    return cuts


def _bent(chance: random.Random, frame: bytes) -> bytes:
    """Return a frame with a byte changed, most often in its head."""
    if not frame:
        return b"\0"
    at = chance.randrange(min(len(frame), chance.choice((9, 9, 40, 1 << 20))))
    return frame[:at] + bytes([frame[at] ^ (1 << chance.randrange(8))]) + frame[at + 1 :]


def _any(chance: random.Random, kinds: bytes) -> bytes:
    payload = chance.choice(
        (b"", b"\xff" * 4, b"\0" * 5, b"\0" * 9, chance.randbytes(chance.randrange(40)), b"z" * 100_000)
    )
    if not chance.randrange(4):
        payload = marshal.dumps(chance.choice(ODD), 2)
    kind = bytes([chance.choice(kinds)]) if chance.randrange(20) else chance.randbytes(1)
    return frames.pack(kind, chance.choice((0, 1, 1, 2, 3, 99, 0xFFFFFFFF)), payload)


def _other(chance: random.Random, frame: bytes, kinds: bytes) -> bytes:
    """Return a frame of the same kind with a value that makes no sense, or any frame."""
    if frame[:1] != frames.REQUEST or len(frame) < frames.HEADER.size:
        return _any(chance, kinds)
    kind, number, _ = frames.HEADER.unpack_from(frame)
    try:
        spec = marshal.loads(frame[frames.HEADER.size :])
    except (ValueError, EOFError, TypeError):
        return _any(chance, kinds)
    if isinstance(spec, dict) and spec:
        spec[chance.choice(sorted(spec, key=str))] = chance.choice(ODD)
        if not chance.randrange(4):
            del spec[chance.choice(sorted(spec, key=str))]
    return frames.pack(kind, number, marshal.dumps(spec, 2))
