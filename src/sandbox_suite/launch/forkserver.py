"""The forkserver: one single-threaded process that has imported what is heavy and forks a child per request.

It accepts, forks a keeper (see `keeper`) and goes on; it never waits for a caller, so none can hold up another. It ends
with the process that started it.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket as sockets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.launch import keeper

SOURCES = Path(__file__).parents[2]
STOP_SECONDS = 15.0


class LaunchError(InfrastructureError):
    """The forkserver could not be started, or it or a keeper ended before its child's end was told."""


@dataclass(frozen=True)
class Forkserver:
    """A running forkserver, as the process that started it sees it."""

    process: subprocess.Popen[bytes]
    socket: Path
    failures: tuple[str, ...]  # modules that could not be preloaded, with the reason: their children import them anew

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def poll(self) -> int | None:
        """Return its exit code, or None while it runs."""
        return self.process.poll()

    def stop(self) -> None:
        """End it: its children get SIGTERM and a grace, then SIGKILL."""
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(socket: Path, preload: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> Forkserver:
    """Start a forkserver that listens at `socket` and ends with this process; raise LaunchError where it cannot."""
    told, tell = os.pipe()
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox_suite.launch.forkserver", str(socket), str(tell), *preload],
            stdin=subprocess.PIPE,  # the lifeline: closed by our end, whatever way we end
            stdout=file,
            stderr=file,
            env=_with_sources(os.environ if environment is None else environment),
            pass_fds=(tell,),
            start_new_session=True,
        )
    os.close(tell)
    with os.fdopen(told, "rb") as pipe:
        answer = pipe.read()
    if not answer:
        process.wait()
        raise LaunchError(f"the forkserver did not start:\n{_tail(log)}", remedy=f"see {log}")
    told_us = json.loads(answer)
    if "refused" in told_us:
        process.wait()
        raise LaunchError(**told_us["refused"])
    return Forkserver(process, socket, tuple(told_us["failures"]))


def _with_sources(environment: Mapping[str, str]) -> dict[str, str]:
    paths = [str(SOURCES), *filter(None, [environment.get("PYTHONPATH")])]
    return {**environment, "PYTHONPATH": os.pathsep.join(paths)}


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])


def preload_all(modules: Sequence[str]) -> list[str]:
    """Import modules; return what failed. A module that starts a thread is an error: its process may not fork."""
    failures = []
    for module in modules:
        try:
            _warm(module)
        except Exception as error:
            failures.append(f"{module}: {type(error).__name__}: {error}")
        if threads() > 1:
            raise LaunchError(
                f"preloading {module} starts a thread, and a process with threads may not fork",
                remedy="take it out of the preloaded modules, or set its library to one thread by the environment",
            )
    return failures


def _warm(module: str) -> None:
    """Import `module`, or call the function of `module:function`, which warms what an import does not."""
    name, _, function = module.partition(":")
    imported = importlib.import_module(name)
    if function:
        getattr(imported, function)()


def threads() -> int:
    """Return how many threads this process has, native ones included."""
    return len(list(Path("/proc/self/task").iterdir()))


class Server:
    """Accepts and forks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keepers: set[int] = set()
        self._listener = self._listen(path)
        self._place = path.stat().st_ino
        self._woken, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._stopping = False
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._stop)

    def run(self) -> None:
        """Serve until the lifeline is cut or SIGTERM comes; then see the keepers out."""
        lifeline, watched = 0, [self._listener.fileno(), self._woken, 0]
        while not self._stopping:
            ready, _, _ = select.select(watched, [], [])
            if lifeline in ready:
                break
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._reap()
            if self._listener.fileno() in ready:
                self._accept()
        self._leave()
        self._listener.close()
        self._see_out()

    def _leave(self) -> None:
        """Remove the socket, unless another forkserver has taken the place: our starter was killed, and followed."""
        with contextlib.suppress(FileNotFoundError):
            if self._path.stat().st_ino == self._place:
                self._path.unlink()

    def _accept(self) -> None:
        try:
            line, _ = self._listener.accept()
        except OSError:
            return
        forkserver = os.getpid()
        pid = os.fork()
        if not pid:
            self._let_go()
            keeper.keep(line, forkserver)
        self._keepers.add(pid)
        line.close()

    def _let_go(self) -> None:
        """In the keeper: give up what is the forkserver's."""
        signal.set_wakeup_fd(-1)
        self._listener.close()
        for descriptor in (self._woken, self._waker):
            os.close(descriptor)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                self._keepers.discard(ended)

    def _see_out(self) -> None:
        for pid in self._keepers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)

    def _stop(self, *_: Any) -> None:
        self._stopping = True

    @staticmethod
    def _listen(path: Path) -> sockets.socket:
        path.unlink(missing_ok=True)
        listener = sockets.socket(sockets.AF_UNIX)
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen(64)
        listener.setblocking(False)
        return listener


def main() -> None:
    """Preload, listen, tell it on the descriptor given as argument 2, serve."""
    path, told, modules = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    try:
        failures = preload_all(modules)
    except LaunchError as error:
        os.write(told, json.dumps({"refused": error.as_dict()}).encode())
        sys.exit(error.exit_code)
    gc.collect()
    gc.freeze()  # what is there stays shared with the children
    server = Server(path)
    os.write(told, json.dumps({"failures": failures}).encode())
    os.close(told)
    server.run()


if __name__ == "__main__":
    main()
