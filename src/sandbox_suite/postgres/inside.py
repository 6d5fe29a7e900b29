"""psql inside a container, through one exec per call: no port, no address, no client on this machine.

What is sent goes over the exec's standard input, so nothing shows in a process list.
"""

from collections.abc import Iterable
from typing import Any

from sandbox_suite.core.errors import InfrastructureError

PSQL = ("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1")
# Waits inside, because each look from outside costs an exec. The server answers on its socket before it takes queries.
WAIT = """i=0; until psql -X -q -t -A -d "$1" -c "SELECT" >/dev/null 2>&1; do
i=$((i+1)); [ $i -lt "$2" ] || exit 1; sleep 0.02; done"""
STDERR = 2


class Psql:
    """A database in a container, reached by `docker exec`."""

    def __init__(self, client: Any, container: str, database: str = "sandbox") -> None:
        self._client = client  # docker.APIClient
        self._container = container  # id or name
        self._database = database

    def wait(self, seconds: float = 30) -> None:
        """Return when the database answers a query."""
        command = ["sh", "-c", WAIT, "wait", self._database, str(int(seconds / 0.02))]
        started = self._client.exec_create(self._container, command)["Id"]
        self._client.exec_start(started)
        if self._client.exec_inspect(started)["ExitCode"] != 0:
            raise InfrastructureError(
                f"the database in {self._container} did not answer within {seconds:g} s",
                remedy=f"read `docker logs {self._container}`",
            )

    def run(self, script: str) -> str:
        """Run SQL in one transaction and return what it printed, one line per row, columns parted by `|`."""
        return self.feed([*PSQL, "--single-transaction", f"--dbname={self._database}", "--file=-"], [script.encode()])

    def copy(self, before: str, copy: str, chunks: Iterable[bytes], after: str = "SELECT") -> None:
        """Run `before`, the `COPY ... FROM STDIN` and `after` in one transaction; `chunks` are what COPY reads."""
        commands = [f"--command={sql}" for sql in (before, copy, after)]
        self.feed([*PSQL, "--single-transaction", f"--dbname={self._database}", *commands], chunks)

    def feed(self, command: list[str], chunks: Iterable[bytes]) -> str:
        """Run a command inside, give it `chunks` to read, and return what it wrote."""
        from docker.utils.socket import frames_iter

        started = self._client.exec_create(self._container, command, stdin=True)["Id"]
        stream = self._client.exec_start(started, socket=True)
        try:
            _send(getattr(stream, "_sock", stream), chunks)
            output: tuple[list[bytes], list[bytes]] = ([], [])
            for number, frame in frames_iter(stream, tty=False):
                output[number == STDERR].append(frame)
        finally:
            stream.close()
        if code := self._client.exec_inspect(started)["ExitCode"]:
            said = b"".join(output[1]).decode(errors="replace").strip()
            raise InfrastructureError(f"psql in {self._container} ended with {code}: {said}")
        return b"".join(output[0]).decode()


def _send(connection: Any, chunks: Iterable[bytes]) -> None:
    import socket

    try:
        for chunk in chunks:
            connection.sendall(chunk)
    except BrokenPipeError:
        return  # psql ended early: its exit code and its words are read next
    connection.shutdown(socket.SHUT_WR)
