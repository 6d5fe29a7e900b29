"""psql inside a container, through one exec per call: no port, no address, no client on this machine.

What is sent goes over the exec's standard input, so nothing shows in a process list.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from sandbox_suite.core.errors import InfrastructureError

PSQL = ("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1")
# Waits inside, because each look from outside costs an exec. The server answers on its socket before it takes queries.
WAIT = """i=0; until psql -X -q -t -A -d "$1" -c "SELECT" >/dev/null 2>&1; do
i=$((i+1)); [ $i -lt "$2" ] || exit 1; sleep 0.02; done"""
STDERR = 2


class Psql:
    """A database in a container, reached by `docker exec`."""

    def __init__(self, client: Any, container: str, database: str = "sandbox") -> None:
        self.client = client  # docker.APIClient
        self.container = container  # id or name
        self.database = database

    def wait(self, seconds: float = 30) -> None:
        """Return when the database answers a query."""
        command = ["sh", "-c", WAIT, "wait", self.database, str(int(seconds / 0.02))]
        started = self.client.exec_create(self.container, command)["Id"]
        self.client.exec_start(started)
        if self.client.exec_inspect(started)["ExitCode"] != 0:
            raise InfrastructureError(
                f"the database in {self.container} did not answer within {seconds:g} s",
                remedy=f"read `docker logs {self.container}`",
            )

    def run(self, script: str) -> str:
        """Run SQL in one transaction and return what it printed, one line per row, columns parted by `|`."""
        return self.feed([*PSQL, "--single-transaction", f"--dbname={self.database}", "--file=-"], [script.encode()])

    def copy(self, before: str, copy: str, chunks: Iterable[bytes], after: str = "SELECT") -> None:
        """Run `before`, the `COPY ... FROM STDIN` and `after` in one transaction; `chunks` are what COPY reads."""
        commands = [f"--command={sql}" for sql in (before, copy, after)]
        self.feed([*PSQL, "--single-transaction", f"--dbname={self.database}", *commands], chunks)

    def feed(self, command: list[str], chunks: Iterable[bytes]) -> str:
        """Run a command inside, give it `chunks` to read, and return what it wrote."""
        return self.fed(command, chunks).succeeded().out

    def fed(self, command: list[str], chunks: Iterable[bytes]) -> "Fed":
        """Run a command inside, give it `chunks` to read, and return how it ended, well or not."""
        from docker.utils.socket import frames_iter

        started = self.client.exec_create(self.container, command, stdin=True)["Id"]
        stream = self.client.exec_start(started, socket=True)
        try:
            _send(getattr(stream, "_sock", stream), chunks)
            output: tuple[list[bytes], list[bytes]] = ([], [])
            for number, frame in frames_iter(stream, tty=False):
                output[number == STDERR].append(frame)
        finally:
            stream.close()
        code = self.client.exec_inspect(started)["ExitCode"]
        out, err = (b"".join(one) for one in output)
        return Fed(f"{command[0]} in {self.container}", code, out.decode(), err.decode(errors="replace"))


@dataclass(frozen=True)
class Fed:
    """How a command inside a container ended."""

    what: str  # the program, and where it ran
    code: int
    out: str
    err: str

    def succeeded(self) -> Self:
        """Return itself; InfrastructureError where the command did not end well."""
        if self.code:
            raise InfrastructureError(f"{self.what} ended with {self.code}: {self.err.strip()}")
        return self


def _send(connection: Any, chunks: Iterable[bytes]) -> None:
    import socket

    try:
        for chunk in chunks:
            connection.sendall(chunk)
    except BrokenPipeError:
        return  # psql ended early: its exit code and its words are read next
    connection.shutdown(socket.SHUT_WR)
