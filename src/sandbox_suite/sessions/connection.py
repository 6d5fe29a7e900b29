"""Ansible's connection over a session. What Ansible loads is `converge/plugins/connection/sandbox.py`, a few lines."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.module_utils.common.text.converters import to_bytes, to_text
from ansible.plugins.connection import ConnectionBase, ensure_connect

from sandbox_suite.core.settings import settings
from sandbox_suite.sessions import holder
from sandbox_suite.sessions.client import Client
from sandbox_suite.sessions.errors import SessionError, SessionFileError, SessionTimeoutError

Done = TypeVar("Done")
NO_BECOME = (
    "become is not possible over the `sandbox` connection: the container has no sudo, and its root may do nothing\n"
    "hint: what needs root belongs in the image; else set `ansible_user` to the user the task should run as"
)


class Connection(ConnectionBase):  # type: ignore[misc]  # Ansible has no types
    """Runs commands, puts and fetches files through the session of one container and user."""

    transport = "sandbox"
    has_pipelining = True
    has_tty = False
    _connected: bool

    def set_become_plugin(self, plugin: Any) -> None:
        """Refuse another user than the connection's."""
        if plugin is not None:
            raise AnsibleError(NO_BECOME)
        super().set_become_plugin(plugin)

    def _connect(self) -> "Connection":
        if not self._connected:
            self._client = self._guarded(self._dial)
            self._connected = True
        return self

    def _dial(self) -> Client:
        socket = self.get_option("socket") or holder.ensure(settings().runtime)
        return Client(socket, self.get_option("container"), self.get_option("remote_user"))

    @ensure_connect  # type: ignore[untyped-decorator]
    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = False) -> tuple[int, bytes, bytes]:
        """Run a command line as Ansible's shell plugin made it."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        argv, seconds = shell_argv(to_text(cmd, errors="surrogateescape")), self.get_option("command_timeout")
        if in_data:  # only modules are given input
            warm, data = self.get_option("warm"), to_bytes(in_data)
            done = self._guarded(lambda: self._client.module(argv, data, seconds, warm))
        else:
            done = self._guarded(lambda: self._client.exec(argv, timeout=seconds))
        return done.rc, done.out, done.err

    @ensure_connect  # type: ignore[untyped-decorator]
    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file into the container."""
        super().put_file(in_path, out_path)
        source = Path(to_text(in_path, errors="surrogateescape"))
        if not source.exists():
            raise AnsibleFileNotFound(f"file or module does not exist: {to_text(in_path)}")
        self._guarded(lambda: self._client.put(source, out_path, None, self.get_option("command_timeout")))

    @ensure_connect  # type: ignore[untyped-decorator]
    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file out of the container."""
        super().fetch_file(in_path, out_path)
        target = Path(to_text(out_path, errors="surrogateescape"))
        self._guarded(lambda: self._client.get(in_path, target, self.get_option("command_timeout")))

    def reset(self) -> None:
        """Dial anew at the next command."""
        self.close()

    def close(self) -> None:
        """Hang up; the session stays, for whoever comes next."""
        if self._connected:
            self._client.close()
            self._connected = False

    def _guarded(self, step: Callable[[], Done]) -> Done:
        """Turn our errors into Ansible's: a file or a limit fails the task; no session: unreachable."""
        try:
            return step()
        except (SessionFileError, SessionTimeoutError) as error:
            raise AnsibleError(str(error)) from None
        except SessionError as error:
            raise AnsibleConnectionFailure(str(error)) from None


def shell_argv(command: str) -> list[str]:
    """Return `command` as arguments: `/bin/sh -c TEXT` needs no second shell around it."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    plain = len(words) == 3 and words[:2] == ["/bin/sh", "-c"] and shlex.join(words) == command
    return words if plain else ["/bin/sh", "-c", command]
