"""Ansible's modules in a forked child of the agent, which has what they need (inside the container, like `agent`).

The holder teaches the agent the code of the files in Ansible's payloads, each once; `basic`, which all modules use, is
imported before the fork. A child sees the files of its own payload only. What would make a difference to a Python
started anew is refused, and then runs in one.
"""

from __future__ import annotations

import contextlib
import gc
import marshal
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from sandbox_suite.sessions import frames
from sandbox_suite.sessions.agent_family import DIES_WITH_PARENT, DUMPABLE, SUBREAPER, control
from sandbox_suite.sessions.agent_operations import OPERATIONS, PIPE_SIZE, Command, Request

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from sandbox_suite.sessions.agent import Agent

    Key = tuple[str, bool, int, int]  # module's name, whether a package, size and CRC of its text

LOADER = "ansible.module_utils._internal._ansiballz._loader"  # imports `basic`, and with it most of what modules use
ARGUMENTS = {"json_params", "profile", "module_fqn", "modlib_path", "extensions"}
HARMLESS = ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED")
LONGEST_LESSON = 1 << 26
LIKELY_OPEN = 1024  # descriptors closed blindly; the session's pipe is among the first ones


class Importer:
    """Imports what the holder taught; of it, only what the payload at hand holds."""

    def __init__(self) -> None:
        self.codes: dict[Key, bytes] = {}
        self.visible: dict[str, Key] = {}
        self.loaded: dict[str, Key] = {}  # what the agent itself has imported, and its children inherit

    def show(self, files: list[Key]) -> None:
        """Make the files of a payload importable."""
        self.visible = {key[0]: key for key in files}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Find a module, as `sys.meta_path` wants it."""
        key = self.visible.get(name)
        if key is None:
            return None
        from importlib.machinery import ModuleSpec

        origin = "/payload/" + name.replace(".", "/") + ("/__init__.py" if key[1] else ".py")
        spec = ModuleSpec(name, self, origin=origin, is_package=key[1])  # type: ignore[arg-type]  # duck-typed
        spec.has_location = True
        return spec

    def create_module(self, spec: Any) -> None:
        """Let Python make the module."""

    def exec_module(self, module: Any) -> None:
        """Run a module's code in it."""
        exec(self.get_code(module.__name__), module.__dict__)  # noqa: S102 - this is what importing is

    def get_code(self, name: str) -> Any:
        """Return a module's code; `runpy` asks for it."""
        return marshal.loads(self.codes[self.visible[name]])  # noqa: S302 - the host is trusted here

    def is_package(self, name: str) -> bool:
        """Say whether a module is a package."""
        return self.visible[name][1]

    def get_source(self, name: str) -> None:
        """Return no text: there is none."""


IMPORTER = Importer()


class Lesson(Request):
    """Files to learn: (key, code or None, text or None) of each, marshalled, as input."""

    def __init__(self, agent: Agent, number: int, spec: dict[str, Any]) -> None:
        super().__init__(agent, number, spec)
        self.held, self.files = bytearray(), spec["files"]

    def take(self, data: bytes) -> None:
        self.held += data
        if len(self.held) > LONGEST_LESSON:
            raise frames.ProtocolError("a lesson without end")
        if data:
            return self.passed_on(len(data))
        try:
            learn(marshal.loads(self.held))  # noqa: S302 - the host is trusted here
            prepare(self.files)
        except Exception as error:  # whatever it is: modules run cold then
            return self.finish(0, frames.REFUSED, f"{type(error).__name__}: {error}")
        return self.finish(0)


class Module(Command):
    """A module in a forked child: its streams and its end are those of a command."""

    def launched(self, spec: dict[str, Any]) -> Any:
        """Fork; refuse what would not be the same as in a Python of its own."""
        unlike = difference(spec["python"]) or strangeness(spec["files"])
        if unlike:
            raise ValueError(unlike)
        return Child(lambda: work(spec))

    def finish(self, code: int, how: int = frames.ENDED, words: str = "") -> None:
        """Tell the end; of one by a signal with the words of the shell that there is otherwise."""
        if how == frames.ENDED and self.process.returncode < 0 and self.room >= PIPE_SIZE:
            self.emit(frames.ERROR, f"{signal.strsignal(-self.process.returncode)}\n".encode())
        super().finish(code, how, words)


class Child:
    """A forked child, with what `Command` uses of a `Popen`."""

    def __init__(self, task: Callable[[], int]) -> None:
        ours, theirs = pipes()
        parent = os.getpid()
        try:
            self.pid = os.fork()
        except OSError:
            close_all(ours + theirs)
            raise
        if self.pid == 0:
            live(parent, theirs, task)
        close_all(theirs)
        self.stdin, self.stdout, self.stderr = (
            open(end, mode, 0)
            for end, mode in zip(ours, ("wb", "rb", "rb"))  # noqa: B905 - Python 3.8 has no strict
        )
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code once there is one; minus the signal that ended it."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                killed = os.WIFSIGNALED(status)
                self.returncode = -os.WTERMSIG(status) if killed else os.WEXITSTATUS(status)
        return self.returncode


def learn(files: list[tuple[Key, bytes | None, bytes | None]]) -> None:
    """Keep the code of files; compile what comes as text."""
    for key, code, text in files:
        if code is None:
            code = marshal.dumps(compile(text or b"", key[0], "exec", dont_inherit=True))
        IMPORTER.codes[key] = code


def prepare(files: list[Key]) -> None:
    """Import, once and before any fork, what all modules use."""
    if IMPORTER.loaded:
        return
    sys.meta_path.insert(0, IMPORTER)
    IMPORTER.show(files)
    gc.set_threshold(20_000)  # modules live shortly, too
    __import__(LOADER)
    code = sys.modules[LOADER].run_module.__code__
    if not set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]) >= ARGUMENTS:
        raise TypeError("run_module takes other arguments than we know")
    IMPORTER.loaded = {name: key for name, key in IMPORTER.visible.items() if name in sys.modules}
    gc.collect()
    gc.freeze()


def difference(python: str) -> str:
    """Say why a Python started as `python` would not be like this one; nothing: it would."""
    environment = os.path.join(os.path.dirname(python), "..", "pyvenv.cfg")
    if os.path.realpath(python) != os.path.realpath(sys.executable) or os.path.exists(environment):
        return "another interpreter"
    if any(name.startswith("PYTHON") and name not in HARMLESS for name in os.environ):
        return "PYTHON* variables"
    kind = os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG") or "C"
    if kind not in ("C", "POSIX") and "utf8" not in kind.lower().replace("-", ""):
        return "a locale that is not UTF-8"
    import site

    return "modules of the user's own" if os.path.isdir(site.getusersitepackages()) else ""


def strangeness(files: list[Key]) -> str:
    """Say why the files of a payload cannot be used; nothing: they can."""
    for key in files:
        if key not in IMPORTER.codes:
            return f"{key[0]} is not known"
        if IMPORTER.loaded.get(key[0], key) != key:
            return f"another {key[0]} is loaded"
    return ""


def pipes() -> tuple[list[int], list[int]]:
    """Return the agent's and the child's ends of standard input, output and error."""
    (child_in, our_in), (our_out, child_out), (our_err, child_err) = os.pipe(), os.pipe(), os.pipe()
    return [our_in, our_out, our_err], [child_in, child_out, child_err]


def close_all(descriptors: list[int]) -> None:
    """Close descriptors."""
    for descriptor in descriptors:
        os.close(descriptor)


def live(parent: int, streams: list[int], task: Callable[[], int]) -> NoReturn:
    """Be the child: nothing of it may get back into the agent's loop."""
    try:
        detach(parent, streams)
        code = task()
        leave()
        os._exit(code & 255)
    finally:
        os._exit(1)


def detach(parent: int, streams: list[int]) -> None:
    """Let go of the agent: a session of its own, its own streams, none of the agent's descriptors or signals."""
    os.setsid()
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.closerange(3, LIKELY_OPEN)
    control(SUBREAPER, 1)  # whatever it starts can be found while it lives
    control(DIES_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    control(DUMPABLE, 1)  # only now, with the session's pipe out of reach; /proc/self is closed to it otherwise
    for entry in os.listdir("/proc/self/fd"):
        if int(entry) >= LIKELY_OPEN:
            with contextlib.suppress(OSError):  # the listing's own
                os.close(int(entry))


def work(spec: dict[str, Any]) -> int:
    """Run a module as a Python of its own would; return its exit code. (`random` sees to itself after a fork.)"""
    settle()
    os.environ["PWD"] = os.getcwd()  # as the shell has it that starts Python otherwise
    os.environ.update(spec["env"])
    errors = sys.stdout.errors
    sys.stdin = open(0, closefd=False)
    sys.stdout = open(1, "w", errors=errors, closefd=False)
    sys.stderr = open(2, "w", errors="backslashreplace", closefd=False)
    sys.modules["__main__"], sys.argv, sys.executable = type(sys)("__main__"), [""], spec["python"]
    IMPORTER.show(spec["files"])
    return ran(spec["call"])


def settle() -> None:
    """Be in a working directory that exists, as Ansible's own wrapper sees to it."""
    for place in (".", os.path.expanduser("~"), "/"):
        try:
            os.chdir(place)
            os.getcwd()
            return
        except OSError:
            continue


def ran(call: dict[str, Any]) -> int:
    """Run the module and return its exit code, as Python makes it."""
    try:
        sys.modules[LOADER].run_module(**call)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    except BaseException:  # as an uncaught one
        import traceback

        traceback.print_exc()
        return 1
    return 0


def leave() -> None:
    """Do what Python does at its end; temporary folders of modules are removed there."""
    import atexit
    import threading

    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()


OPERATIONS.update(learn=Lesson, module=Module)
