"""The child itself, from the fork to its exit: as if started afresh, but for what is already imported."""

import contextlib
import fcntl
import gc
import importlib
import os
import random
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from sandbox_suite.launch import lives
from sandbox_suite.launch.wire import Order

HIGH = 512  # descriptors are parked above this while the low numbers are given out
FRESH_SIGNALS = (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP, signal.SIGPIPE)


def become(order: Order, received: list[int], parent: int) -> NoReturn:
    """Run the order in this process, which was just forked, and exit."""
    code = 1
    try:
        os.setsid()
        lives.end_with_parent(parent, signal.SIGKILL)
        _fresh_signals()
        _fresh_descriptors(order.descriptors, received)
        os.environ.clear()
        os.environ.update(order.environment)
        os.chdir(order.directory)
        random.seed()
        gc.set_threshold(100_000, 20, 20)  # a look at what is shared with the forkserver would copy it
        code = exit_code(lambda: _resolve(order.target)(*order.arguments))
    except BaseException:
        traceback.print_exc()
    finally:
        _flush()
        os._exit(code & 0xFF)


def exit_code(work: Callable[[], Any]) -> int:
    """Do the work and say the exit code: its own number, SystemExit's, a SandboxError's, or 1 with a traceback."""
    from sandbox_suite.core.errors import SandboxError

    try:
        result = work()
    except SystemExit as end:
        return _code_of(end.code)
    except SandboxError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except BaseException:
        traceback.print_exc()
        return 1
    return result if isinstance(result, int) and not isinstance(result, bool) else 0


def _code_of(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return int(code)
    sys.stderr.write(f"{code}\n")
    return 1


def _resolve(target: str) -> Callable[..., Any]:
    module, _, name = target.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def _fresh_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in FRESH_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as Python itself starts
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _fresh_descriptors(wanted: list[int], received: list[int]) -> None:
    """Give each received descriptor the number its sender knew it by; 0 to 2 become standard streams."""
    parked = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, HIGH) for descriptor in received]
    for descriptor in received:
        os.close(descriptor)
    for descriptor, number in zip(parked, wanted, strict=True):
        os.dup2(descriptor, number, inheritable=True)
        os.close(descriptor)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - standard streams stay open
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
