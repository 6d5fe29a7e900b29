"""ansible-runner, called: its private folder, the bare environment, and how a run is ended before its end."""

import contextlib
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sandbox_suite.core import spans
from sandbox_suite.core.progress import Say, silent
from sandbox_suite.core.settings import CHECKOUT

if TYPE_CHECKING:
    from sandbox_suite.converge.warm import Run

INVENTORY = CHECKOUT / "inventories" / "sandbox"
CHECKED = "always"  # roles look at their arguments in a task so tagged: for people; a step's come from a checked plan
POLL_SECONDS = 0.2  # how often a cancel is looked for while a task is at work
GRACE_SECONDS = 3.0  # between SIGTERM, on which Ansible ends its workers, and SIGKILL
NO_EXIT_CODE = 255  # what counts as the exit code of a run that a signal ended


@dataclass(frozen=True)
class Play:
    """What is run. `variables` is a file of extra variables."""

    playbook: Path
    variables: Path
    environment: Mapping[str, str]
    check: bool = False


def play(
    what: Play, private: Path, take: Callable[[Mapping[str, Any]], bool], stop: "Stop", say: Say = silent
) -> tuple[str, int]:
    """Run a playbook and return (ansible-runner's status, exit code); `take` gets each event."""
    import ansible_runner.interface

    from sandbox_suite.converge import warm

    runner = ansible_runner.interface.init_runner(
        private_data_dir=str(private),
        ident="run",
        project_dir=str(CHECKOUT),
        playbook=str(what.playbook),
        inventory=str(INVENTORY),
        cmdline=f"-e @{what.variables} --skip-tags {CHECKED}" + (" --check" if what.check else ""),
        envvars=dict(what.environment) | {"HOME": str(private), "ANSIBLE_LOCAL_TEMP": str(private / "tmp")},
        fact_cache_type="memory",  # each run ends with its facts
        suppress_env_files=True,
        quiet=True,
        event_handler=take,
        cancel_callback=stop,
    )
    runner.config.pexpect_timeout = POLL_SECONDS  # as one of its `settings` it would be lost without a file of them
    runner.config.env = bare(runner.config.env, os.environ, what.environment.keys() | {"HOME"})
    run = warm.Run(runner.config.command[1:], runner.config.env, say)
    runner.config.command = bound(runner.config.command)
    stop.run = run
    with spans.span("ansible"), run.taken():
        status, code = runner.run()
    return status, NO_EXIT_CODE if code is None else code


def bare(environment: Mapping[str, str], ours: Mapping[str, str], wanted: "set[str]") -> dict[str, str]:
    """Return `environment` without what ansible-runner copied from our own process."""
    return {name: value for name, value in environment.items() if name in wanted or ours.get(name) != value}


def bound(command: Sequence[str]) -> list[str]:
    """Return `command`, ended when this process ends: ansible-runner makes it deaf to a hang-up."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", *command] if setpriv else list(command)


@contextlib.contextmanager
def private_folder(path: Path) -> Iterator[Path]:
    """Make `path` for its owner only, on a tmpfs, and remove it after; what a killed run left there goes first."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True, mode=0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class Stop:
    """Ends a run when SIGTERM arrives or `cancelled` says so: ansible-runner asks it several times a second."""

    def __init__(self, cancelled: Callable[[], bool] | None = None) -> None:
        self.run: Run | None = None  # what is ended where it is warm, and so no child of ours
        self._cancelled = cancelled
        self._signalled = False
        self._since: float | None = None
        self._others: set[int] = set()

    @property
    def stopped(self) -> bool:
        """Tell whether the run was ended before its end."""
        return self._since is not None

    def __enter__(self) -> Self:
        self._others = {child.pid for child in _children()}
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._on_signal)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.stopped:
            self._end(signal.SIGKILL)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._before)

    def __call__(self) -> bool:
        """Tell ansible-runner whether to kill what is left: first the run is asked to end by itself."""
        if self._since is None:
            if self._signalled or (self._cancelled and self._cancelled()):
                self._since = time.monotonic()
                self._end(signal.SIGTERM)
            return False
        return time.monotonic() - self._since > GRACE_SECONDS

    def _on_signal(self, number: int, frame: object) -> None:
        self._signalled = True

    def _end(self, number: signal.Signals) -> None:
        """Signal the run and everything below it; Ansible's workers have sessions of their own."""
        if self.run and self.run.warm:  # its keeper sees to what is below it
            self.run.terminate()
            return
        for child in _children():
            if child.pid not in self._others:
                family = [child, *_children(child)]
                for process in family if number == signal.SIGKILL else family[:1]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process.pid, number)


def _children(process: Any = None) -> list[Any]:
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        return list((process or psutil.Process()).children(recursive=process is not None))
    return []
