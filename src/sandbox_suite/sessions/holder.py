"""The holder's life, from outside: start it when none answers, stop it, read what it recorded.

One holder per installation keeps all sessions. It ends by itself when no client was connected for some seconds.
"""

import contextlib
import fcntl
import json
import os
import signal
import socket as sockets
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sandbox_suite.launch.lives import OWN_LIFE
from sandbox_suite.sessions import frames
from sandbox_suite.sessions.errors import SessionUnopenedError

SOCKET, LOG, LOCK = "holder.sock", "holder.log", "holder.lock"
SOURCES = Path(__file__).parents[2]
PASSED = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "DOCKER_CONTEXT")
STOP_SECONDS = 5.0


def ensure(runtime: Path) -> Path:
    """Return the socket of the installation's holder, which is started when none answers."""
    path = runtime / SOCKET
    if not answers(path):
        runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(runtime / LOCK):
            if not answers(path):
                _start(runtime, path)
    return path


def stop(runtime: Path) -> None:
    """End the installation's holder and its sessions; no holder is fine too."""
    with _dialled(runtime / SOCKET) as line:
        if line is None:
            return
        request = json.dumps({"op": "stop"}).encode()
        line.sendall(frames.pack(frames.REQUEST, 0, request))
        until = time.monotonic() + STOP_SECONDS
        while answers(runtime / SOCKET) and time.monotonic() < until:
            time.sleep(0.01)
        if answers(runtime / SOCKET):
            os.kill(_listener(line), signal.SIGKILL)


def answers(path: Path) -> bool:
    """Say whether a holder serves at `path`."""
    with _dialled(path) as line:
        return line is not None


def records(runtime: Path) -> list[dict[str, Any]]:
    """Return what the holder recorded: started, reopened, violation, ended."""
    with contextlib.suppress(FileNotFoundError):
        lines = (runtime / LOG).read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]
    return []


@contextlib.contextmanager
def _dialled(path: Path) -> Iterator[sockets.socket | None]:
    """Yield a line on which a holder said hello, or None."""
    with sockets.socket(sockets.AF_UNIX) as line:
        line.settimeout(STOP_SECONDS)
        try:
            line.connect(str(path))
            greeted = len(line.recv(frames.HEADER.size)) == frames.HEADER.size
        except OSError:
            greeted = False
        yield line if greeted else None


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _start(runtime: Path, path: Path) -> None:
    with (runtime / LOG).open("ab") as log:
        os.fchmod(log.fileno(), 0o600)
        done = subprocess.run(
            [sys.executable, "-S", "-m", "sandbox_suite.sessions.server", str(path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(os.environ),
            cwd="/",
            start_new_session=True,
            check=False,
        )
    if done.returncode or not answers(path):
        raise SessionUnopenedError(
            f"the holder of the sessions did not start:\n{_tail(runtime / LOG)}", remedy=f"see {runtime / LOG}"
        )


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Return the holder's environment: no secret of ours is in it."""
    kept = {name: ours[name] for name in PASSED if name in ours}
    return kept | {"PYTHONPATH": str(SOURCES), "LC_ALL": "C.UTF-8", OWN_LIFE: "holder"}


def _tail(path: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-3:])


def _listener(line: sockets.socket) -> int:
    """Return the process that listens at the other end."""
    credentials = line.getsockopt(sockets.SOL_SOCKET, sockets.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[0])
