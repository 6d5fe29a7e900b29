"""The Pulumi CLI as a child that never outlives its caller and ends in order when the caller is told to end."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import IO

from pulumi import automation
from pulumi._version import version as sdk_version
from pulumi.automation._cmd import CommandResult, OnOutput
from pulumi.automation.errors import CommandError, create_command_error

from sandbox_suite.core import spans
from sandbox_suite.core.errors import CancelledError

GRACE_SECONDS = 60.0  # for the creates under way; the CLI saves each of them before it ends


class KilledError(CommandError):
    """The CLI was ended by a signal."""


class Cli(automation.PulumiCommand):
    """The CLI at a path. Whether its version suits the SDK is the toolchain's question, asked once and not per run."""

    def __init__(self, path: Path) -> None:
        self.command = str(path)
        self.version = sdk_version

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> CommandResult:
        """Run one command to its end."""
        argv = [*bound_to_caller(), self.command, "--non-interactive", *args]
        environment = {**inherited(), **additional_env, "PULUMI_AUTOMATION_API": "true"}
        with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            with spans.span("pulumi"):
                code = _to_its_end(argv, cwd, environment, stdout, stderr)
            result = CommandResult(stdout=_text(stdout, on_output), stderr=_text(stderr, on_error), code=code)
        if code < 0:
            raise KilledError(result)
        if code:
            raise create_command_error(result)
        return result


def bound_to_caller() -> list[str]:
    """Return what to put before a command so that the kernel ends it when its caller dies.

    Not a `preexec_fn`: that forks, and this process serves gRPC from threads.
    """
    found = shutil.which("setpriv")
    return [found, "--pdeathsig", "KILL", "--"] if found else []


def inherited() -> dict[str, str]:
    """Return our environment without settings of Pulumi: the caller's own would mix with a stack's."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}


@contextlib.contextmanager
def termination_raises() -> Iterator[None]:
    """Make SIGTERM an exception for the duration, where nobody else has a say in it."""

    def raise_it(number: int, frame: FrameType | None) -> None:
        raise CancelledError("told to end (SIGTERM)", left="what was under way was finished and recorded")

    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    if ours:
        signal.signal(signal.SIGTERM, raise_it)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _to_its_end(argv: list[str], cwd: str, environment: Mapping[str, str], stdout: IO[bytes], stderr: IO[bytes]) -> int:
    # A group of its own: a Ctrl-C of the terminal reaches the caller, who passes it on once.
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, cwd=cwd, env=environment, process_group=0
    )
    try:
        return process.wait()
    except BaseException:
        _end_in_order(process)
        raise


def _end_in_order(process: "subprocess.Popen[bytes]") -> None:
    """Interrupt it and wait; a second interruption of ours, or too long a wait, ends it at once."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(GRACE_SECONDS)
    except BaseException:
        process.kill()
        process.wait()
        raise


def _text(file: IO[bytes], each: OnOutput | None) -> str:
    file.seek(0)
    lines = file.read().decode(errors="replace").splitlines()
    for line in lines if each else ():
        each(line)  # type: ignore[misc] # not None here
    return "\n".join(lines)
