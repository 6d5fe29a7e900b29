"""Watching over one suite's script, in a process of its own: whatever the script starts can be found and is ended.

The watcher is the subreaper of all that comes from the script: a child that forks away, twice and into a session of its
own, becomes the watcher's. No control group is needed, which a container's user could not make.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import time
from typing import Any

from ansible.module_utils.suite_output import LARGEST_STREAM, PAGE, Output, tell
from ansible.module_utils.suite_processes import DIES_WITH_PARENT, SUBREAPER, control, family, quietly

TIMED_OUT, NOT_FOUND = 124, 127  # as timeout(1) and a shell end
FLOOD = 64 << 20  # bytes of output after which a script is ended
LARGEST = 64 << 20  # bytes of one file that a script may write
GRACE = 1.0  # seconds a script has to end itself, once asked to
LEAVE = 0.2  # seconds its children have to end by themselves, once it has ended
INSIST = 5.0  # seconds of killing before a process counts as one that cannot be ended
MOST_FILES = 100  # further result files of a suite
KINDS = (".jsonl", ".xml", ".tap")
ELF = b"\x7fELF"


class Interrupted(Exception):  # noqa: N818 - nothing is wrong with the script
    """The watcher was asked to end."""


class Watch:
    """The life of one script. `given`: name, run, folder, results, scratch, seconds, stdout, environment, parent."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given
        self.started = time.monotonic()
        self.status: int | None = None  # of the script, once it has ended; as waitpid(2) has it
        self.pid = 0
        self.place = os.path.join(given["results"], given["name"])
        stream = f"{self.place}.{given['stdout']}" if given["stdout"] != "log" else None
        self.results = f"{self.place}.f0.{given['stdout']}" if stream else None
        self.output = Output(f"{self.place}.log", self.results)
        self.pipes: dict[int, bool] = {}  # descriptor -> whether its bytes are results
        self.wake, self.woken = os.pipe()

    def run(self) -> dict[str, Any]:
        """Run the script to its end and return how it ended."""
        how, code, behind, unended = "lost", 0, [], 0
        try:
            self.listen()
            self.start()
            how = self.attend(self.started + self.given["seconds"])
            self.leave()
        except Interrupted:
            how = "interrupted"
        except OSError as error:
            how, code = "not-started", NOT_FOUND
            self.output.take(f"{self.given['run'][0]} could not be started: {words(error)}\n".encode(), False)
        behind, unended = self.sweep()
        if how == "exited":
            how, code = ended(self.status)
        else:
            behind = []  # what was ended with its script was not left behind
        self.drain()
        kept = self.output.close()
        return {
            "how": how, "code": code, "seconds": round(time.monotonic() - self.started, 3),
            "printed": self.output.printed, "kept": kept, "left_behind": len(behind),
            "names": behind[:10], "unended": unended, "left_out": self.left_out(),
        }  # fmt: skip

    def listen(self) -> None:
        """Be told of every end of a child; be the one that orphans come to; never outlive who started this."""
        for end in (self.wake, self.woken):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, interrupt)
        signal.set_wakeup_fd(self.woken, warn_on_full_buffer=False)
        control(SUBREAPER, 1)
        control(DIES_WITH_PARENT, signal.SIGTERM)
        if os.getppid() != self.given["parent"]:
            raise Interrupted

    def start(self) -> None:
        """Start the script in a process group and session of its own."""
        given = self.given
        run, loaded = list(given["run"]), loaded_program(given["folder"], given["run"][0])
        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST, LARGEST))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        apart = self.results is not None
        process = subprocess.Popen(
            run,
            executable=f"/proc/self/fd/{loaded}" if loaded is not None else None,
            pass_fds=() if loaded is None else (loaded,),
            cwd=given["folder"],
            env=given["environment"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if apart else subprocess.STDOUT,
            start_new_session=True,
        )
        process.returncode = 0  # it is reaped here, with everything else
        self.pid = process.pid
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                descriptor = os.dup(stream.fileno())
                os.set_blocking(descriptor, False)
                self.pipes[descriptor] = apart and stream is process.stdout
                stream.close()

    def attend(self, until: float) -> str:
        """Read until the script ends, or has to be ended; return which."""
        while self.status is None:
            left = until - time.monotonic()
            if left <= 0:
                return self.ask_to_end("timed-out")
            self.wait(left)
            if self.output.printed > FLOOD:
                return self.ask_to_end("flooded")
            self.reap()
        return "exited"

    def ask_to_end(self, why: str) -> str:
        """Ask the script to end, and give it a moment to write what it has."""
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGTERM)
        until = time.monotonic() + GRACE
        while self.status is None and time.monotonic() < until:
            self.wait(until - time.monotonic())
            self.reap()
        return why

    def leave(self) -> None:
        """Let children of an ended script finish, such as a `tee` that has its last lines still to write."""
        until = time.monotonic() + LEAVE
        while self.status is not None and self.reap() and time.monotonic() < until:
            self.wait(until - time.monotonic())

    def wait(self, seconds: float) -> None:
        """Take output, until something happens or the time is over."""
        try:
            ready = select.select([self.wake, *self.pipes], [], [], max(0.0, seconds))[0]
        except InterruptedError:
            return
        for descriptor in ready:
            if descriptor == self.wake:
                with contextlib.suppress(BlockingIOError):
                    os.read(self.wake, 512)
            else:
                self.read(descriptor)

    def read(self, descriptor: int) -> bool:
        """Take what a pipe holds; tell whether there may be more."""
        try:
            data = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if data:
            self.output.take(data, self.pipes[descriptor])
            return True
        del self.pipes[descriptor]
        os.close(descriptor)
        return False

    def drain(self) -> None:
        """Take what is still in the pipes; nobody writes into them any more."""
        for descriptor in list(self.pipes):
            for _ in range(64):
                if not self.read(descriptor):
                    break

    def reap(self) -> bool:
        """Take the ends of children; tell whether there are any left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.pid:
                self.status = status

    def sweep(self) -> tuple[list[str], int]:
        """End everything that came from the script; return the names of what there was, and how many would not end.

        All are stopped before any is killed: what forks faster than it is killed would else go on for ever.
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        seen: dict[int, str] = {}
        until = time.monotonic() + INSIST
        while self.reap():
            alive = family(os.getpid())
            fresh = alive.keys() - seen.keys()
            for pid in fresh:
                quietly(pid, signal.SIGSTOP)
            seen.update({pid: name for pid, name in alive.items() if pid in fresh})
            if not fresh:
                for pid in alive:
                    quietly(pid, signal.SIGKILL)
                self.wait(0.005)
            if time.monotonic() > until:
                return sorted(seen.values()), len(alive)
        return sorted(name for pid, name in seen.items() if pid != self.pid), 0

    def left_out(self) -> list[str]:
        """Bring what the suite wrote into its own folder beside its other files; return what was not kept, and why."""
        told = [self.output.lost] if self.output.lost else []
        if self.results and self.output.streamed > LARGEST_STREAM:
            told.append(f"standard output: over {LARGEST_STREAM >> 20} MiB, the rest of it")
        found = sorted(
            os.path.join(folder, name)
            for folder, _, names in os.walk(os.path.join(self.given["scratch"], "results"))
            for name in names
            if name.endswith(KINDS)
        )
        for number, path in enumerate(found[:MOST_FILES], 1):
            fate = adopted(path, f"{self.place}.f{number}{os.path.splitext(path)[1]}")
            told += [f"{os.path.basename(path)}: {fate}"] if fate else []
        if len(found) > MOST_FILES:
            told.append(f"{len(found) - MOST_FILES} more files than the {MOST_FILES} that are kept")
        return told


def adopted(path: str, place: str) -> str:
    """Move a result file to its place; return why it was not."""
    if os.path.islink(path) or not os.path.isfile(path):
        return "no plain file"
    try:
        os.replace(path, place)
    except OSError as error:
        return words(error)
    return ""


def loaded_program(folder: str, program: str) -> int | None:
    """Return a program of the suite as an open file in memory, where its own place is not executable; else None.

    Suites stand where nothing can be executed, and that stays so: a script has an interpreter, a binary has none.
    """
    path = os.path.join(folder, program)
    if "/" not in program or os.access(path, os.X_OK):
        return None
    with open(path, "rb") as file:
        if file.read(4) != ELF:
            return None
        file.seek(0)
        memory = os.memfd_create(os.path.basename(program))
        with open(memory, "wb", closefd=False) as copy:
            for piece in iter(lambda: file.read(1 << 20), b""):
                copy.write(piece)
    return memory


def ended(status: int | None) -> tuple[str, int]:
    """Return how a script ended, in a word and a number."""
    if status is None:
        return "lost", 0
    return ("signalled", os.WTERMSIG(status)) if os.WIFSIGNALED(status) else ("exited", os.WEXITSTATUS(status))


def shell_code(ending: dict[str, Any]) -> int:
    """Return the exit code that a shell would tell of an ending."""
    fixed = {
        "timed-out": TIMED_OUT,
        "not-begun": TIMED_OUT,
        "flooded": 128 + signal.SIGXFSZ,
        "lost": 137,
        "interrupted": 143,
    }
    return fixed.get(ending["how"], ending["code"] + (128 if ending["how"] == "signalled" else 0))


def words(error: OSError) -> str:
    """Return what an error of the system says, with the remedy where we know one."""
    said = f"[Errno {error.errno}] {error.strerror}: {error.filename}" if error.filename else str(error)
    if error.errno == errno.ENOENT:
        said += " (a program of another Debian package? `runner_packages` in config/settings.yaml adds it)"
    elif error.errno == errno.EACCES:
        said += " (the suite's folder is not executable: start a script through its interpreter)"
    return said


def interrupt(*_: Any) -> None:
    """Be asked to end."""
    raise Interrupted


def watch(given: dict[str, Any]) -> None:
    """Be the watcher: run a script and tell how it ended."""
    for name in ("tmp", "results"):
        os.makedirs(os.path.join(given["scratch"], name), exist_ok=True)
    told(given, Watch(given).run())
    shutil.rmtree(given["scratch"], ignore_errors=True)


def told(given: dict[str, Any], ending: dict[str, Any]) -> None:
    """Write how a script ended, within the room reserved for that."""
    text = json.dumps(ending)
    if len(text) > PAGE:
        left_out = [f"{len(ending['left_out'])} files, too many to name"] if ending.get("left_out") else []
        text = json.dumps({**ending, "names": [], "left_out": left_out})
    place = os.path.join(given["results"], given["name"])
    tell(f"{place}.end", text)
    tell(f"{place}.rc", f"{shell_code(ending)}\n")
