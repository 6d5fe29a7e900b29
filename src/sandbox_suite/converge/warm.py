"""Where ansible-runner's `ansible-playbook` runs: in a child of the forkserver, or, cold, in a process of its own.

ansible-runner starts a program on a terminal through pexpect and has no place to say how. So it gets a pexpect whose
terminals ask the forkserver first: the playbook's process is then a child that has Ansible imported already, on the
same kind of terminal, and ends when this process ends, or lets go of it.
"""

import contextlib
import functools
import os
import pty
import signal
import termios
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ansible_runner.runner
import pexpect
import ptyprocess

from sandbox_suite.converge.playing import GRACE_SECONDS
from sandbox_suite.core.progress import Say
from sandbox_suite.launch import warming
from sandbox_suite.launch.client import Child
from sandbox_suite.launch.forkserver import LaunchError

FORKSERVER = "SANDBOX_FORKSERVER"  # the socket of the forkserver that a step's process is a child of
TARGET = "sandbox_suite.launch.kinds:ansible_playbook"
ROWS, COLUMNS = 24, 80  # as pexpect has them


def why_cold(wanted: Mapping[str, str], ours: Mapping[str, str], read: Mapping[str, str] | None = None) -> str:
    """Return why a run with the environment `wanted` cannot be warm; empty where it can.

    `ours` is this process's environment; `read` are the settings that Ansible was warmed with, by default here.
    """
    if not ours.get(FORKSERVER):
        return "no forkserver started this process"
    if not (warming.is_warm() if read is None else read):
        return "the forkserver has no Ansible"
    wrong = warming.differences(wanted, read)
    return f"the forkserver's Ansible was started with other settings: {', '.join(wrong)}" if wrong else ""


class Run:
    """One run of ansible-playbook: says where it goes, and can end it where it is warm."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], say: Say) -> None:
        self._arguments, self._environment, self._say = list(arguments), environment, say
        self._child: Child | None = None

    @property
    def warm(self) -> bool:
        """Whether the run is, or was, a child of the forkserver."""
        return self._child is not None

    def start(self, directory: str) -> "Playbook | None":
        """Start it in the forkserver; None, after saying why, where it has to be cold."""
        reason = why_cold(self._environment, os.environ)
        if not reason:
            try:
                return self._started(directory)
            except LaunchError as error:
                reason = str(error).partition("\n")[0]
        self._say(f"Ansible starts cold: {reason}")
        return None

    def terminate(self) -> None:
        """End the warm run: SIGTERM, then, after a grace, SIGKILL to all of it."""
        if self._child:
            self._child.terminate()

    def close(self) -> None:
        """See a warm run out; there is nothing left of it when this returns."""
        if self._child:
            self._child.terminate()
            with contextlib.suppress(LaunchError):
                self._child.wait()
            self._child.close()

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Have ansible-runner start this run, and see it out."""
        before = ansible_runner.runner.pexpect
        spawn = functools.partial(Terminal, run=self)
        ansible_runner.runner.pexpect = SimpleNamespace(**{**vars(before), "spawn": spawn})
        try:
            yield
        finally:
            ansible_runner.runner.pexpect = before
            self.close()

    def _started(self, directory: str) -> "Playbook":
        ours, theirs = _terminal()
        try:
            self._child = Child.start(
                Path(os.environ[FORKSERVER]),
                TARGET,
                self._arguments,
                env=self._environment,
                cwd=directory,
                fds=(theirs, theirs, theirs),
                grace=GRACE_SECONDS,
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        return Playbook(self._child, ours)


class Terminal(pexpect.spawn):  # type: ignore[misc]  # pexpect has no types
    """What ansible-runner reads a run from."""

    def __init__(self, *words: Any, run: Run, **options: Any) -> None:
        self._run = run
        super().__init__(*words, **options)

    def _spawnpty(self, args: list[bytes], **options: Any) -> ptyprocess.PtyProcess:
        process = self._run.start(options["cwd"]) or super()._spawnpty(args, **options)
        process.delayafterclose = 0  # a tenth of a second for the process to end, which it has when it is closed
        return process


class Playbook(ptyprocess.PtyProcess):  # type: ignore[misc]  # ptyprocess has no types
    """A child of the forkserver, as pexpect sees a process on a terminal."""

    def __init__(self, child: Child, terminal: int) -> None:
        super().__init__(child.pid, terminal)
        self.exitstatus: int | None = None
        self.signalstatus: int | None = None
        self._child = child

    def isalive(self) -> bool:
        """Say whether it runs; once its terminal is closed, wait for its end, as pexpect does for its own."""
        code = self._child.wait() if self.flag_eof else self._child.poll()
        if code is None:
            return True
        self.terminated = True
        self.exitstatus, self.signalstatus = (code, None) if code >= 0 else (None, -code)
        return False

    def wait(self) -> int | None:
        """Wait for its end."""
        self.flag_eof = True
        self.isalive()
        return self.exitstatus

    def kill(self, sig: int) -> None:
        """Send it a signal."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.Signals(sig))


def _terminal() -> tuple[int, int]:
    """Return both ends of a terminal that does not echo."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (ROWS, COLUMNS))
    settings = termios.tcgetattr(theirs)
    settings[3] &= ~termios.ECHO
    termios.tcsetattr(theirs, termios.TCSANOW, settings)
    return ours, theirs
