"""testinfra over a session: each check is one exec of a millisecond or two."""

from typing import Any

from testinfra.backend.base import BaseBackend, CommandResult
from testinfra.host import Host

from sandbox_suite.sessions.client import Client

SECONDS = 60.0


class SessionBackend(BaseBackend):  # type: ignore[misc]  # follow_imports is `skip`
    """Runs testinfra's commands through a client."""

    NAME = "session"

    def __init__(self, client: Client) -> None:
        super().__init__(client.container)
        self._client = client

    @property
    def encoding(self) -> str:
        """Return UTF-8, without asking the container."""
        return "utf-8"

    def run(self, command: str, *args: str, **_: Any) -> CommandResult:
        """Run a shell command."""
        line = self.get_command(command, *args)
        done = self._client.exec(line, timeout=SECONDS)
        return self.result(done.rc, self.encode(line), done.out, done.err)


def host(client: Client) -> Host:
    """Return testinfra's host for the container of `client`."""
    return Host(SessionBackend(client))
