"""Hostile and broken containers, real ones: what their `python3` does when the holder starts it as its agent.

Each container has a `python3` of its own first on its PATH. An error must come within the request's time and the
holder's grace; who broke the protocol must have its container killed, who did not must not; others are served on.
"""

import contextlib
import re
import secrets
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import psutil

from sandbox_suite.sessions import holder
from sandbox_suite.sessions.client import Client
from sandbox_suite.sessions.errors import SessionError
from sandbox_suite.sessions.opening import HELLO_SECONDS
from sandbox_suite.sessions.session import GRACE, LAST_LOOK

Case = TypeVar("Case")
USER = "powerx"
PATIENCE = 2.0  # seconds of each request
LIMIT = (
    2 * PATIENCE + GRACE + LAST_LOOK + 5.0
)  # the session's opening and the request, each in its time, and a slow machine
HARDENED = ("--init", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none")
LIMITS = ("--memory=128m", "--memory-swap=128m", "--pids-limit=64", f"--user={USER}")
PLACES = ("--tmpfs=/tmp:rw,noexec,nosuid,nodev,size=16m,mode=1777", "--tmpfs=/evil:rw,exec,nosuid,nodev,mode=1777")
START = """#!/usr/bin/python3
import os, struct, sys, time
def say(kind, number, data=b""):
    data = struct.pack(">cII", kind, number, len(data)) + data
    while data: data = data[os.write(1, data):]
def hello(protocol=1): say(b"H", 0, struct.pack(">HBBBI", protocol, 3, 11, 1, 7))
def hear():
    while len(os.read(0, 1 << 20)) == 1 << 20: pass
    time.sleep(0.3); os.set_blocking(0, False)
    try:
        while os.read(0, 1 << 20): pass
    except BlockingIOError: pass
"""
HEARD = "hello(); hear()\n"
WAIT = "\ntime.sleep(60)"
VIOLATIONS = {  # what it does -> words of the error
    "babbles": ("os.write(1, b'x' * 100000)", "a frame of unknown kind"),
    "babbles once it was asked": (HEARD + "os.write(1, b'hello, world')", "a frame of unknown kind"),
    "babbles for ever": ("while True: os.write(1, os.urandom(4096))", "broke the session protocol"),
    "says a frame of 2 GB": (HEARD + "os.write(1, struct.pack('>cII', b'O', 1, 1 << 31))", "a frame of 2147483648"),
    "says a frame just too long": (HEARD + "say(b'O', 1, b'z' * 131073)", "a frame of 131073 bytes"),
    "floods": (HEARD + "while True: say(b'O', 1, b'z' * 65536)", "output beyond the window|bytes of output"),
    "talks on": (HEARD + "while True: say(b'O', 1, b'z' * 65536); time.sleep(0.01)", "output beyond the window"),
    "floods with errors": (HEARD + "while True: say(b'E', 1, b'z' * 131072)", "output beyond the window"),
    "says nothing, again and again": (HEARD + "while True: say(b'O', 1)", "output beyond the window"),
    "acknowledges too much": (HEARD + "say(b'A', 1, b'\\xff' * 4)", "more acknowledged than was sent"),
    "acknowledges by drops": (HEARD + "while True: say(b'A', 1, b'\\0\\0\\0\\1')", "more acknowledged than was sent"),
    "acknowledges oddly": (HEARD + "say(b'A', 1, b'\\xff')", "an acknowledgement of another length"),
    "answers nobody": (HEARD + "say(b'O', 99, b'z')", "a frame for no request of ours"),
    "answers many who never asked": (
        HEARD + "for each in range(200000): say(b'X', each + 9, b'\\0' * 5)",
        "a frame for no request",
    ),
    "greets twice": (HEARD + "say(b'H', 1, b'\\0' * 9)", "a frame for no request of ours"),
    "greets oddly": ("say(b'H', 0, b'\\0' * 8)", "no hello"),
    "greets with another frame": ("say(b'O', 1, b'z')", "no hello"),
    "speaks another protocol": ("hello(7)", "protocol 7"),
    "ends without a code": (HEARD + "say(b'X', 1)", "an end of another length"),
    "ends in a way unheard of": (HEARD + "say(b'X', 1, struct.pack('>iB', 0, 9))", "an end of unknown kind 9"),
    "ends with endless words": (HEARD + "say(b'X', 1, b'\\0' * 2000)", "an end of another length"),
}
FAILURES = {
    "is silent": ("", "no session within 2 s"),
    "greets byte by byte": ("for each in b'H' + b'\\0' * 7: os.write(1, bytes([each])); time.sleep(1)", "no session"),
    "is silent once it was asked": (HEARD, "the agent does not answer"),
    "tells half an answer": (HEARD + "os.write(1, struct.pack('>cII', b'O', 1, 9) + b'half')", "does not answer"),
    "goes away at once": ("os._exit(0)", "the session ended"),
    "goes away once it was asked": (HEARD + "os._exit(0)", "the session ended"),
    "complains and goes away": ("sys.exit('no module named encodings')", "no module named encodings"),
    "steers a terminal": ("sys.exit('\\x1b[2Jgone')", "the session ended"),
}


@dataclass
class Outcome:
    """What became of a case."""

    name: str
    problems: list[str] = field(default_factory=list)
    words: str = ""
    seconds: float = 0.0


class Cases:
    """Runs cases against one holder, in containers of `image`."""

    def __init__(self, runtime: Path, image: str, say: Callable[[str], None]) -> None:
        self.runtime, self.image, self.say = runtime, image, say
        self.outcomes: list[Outcome] = []

    def run(self, short: bool = False) -> list[Outcome]:
        """Run them; `short`: a few of each kind."""
        self.socket = holder.ensure(self.runtime)
        with self._container() as self._sound, Client(self.socket, self._sound, USER) as self._other:
            self._holder = psutil.Process(self._other.stat()["holder"])
            for name, (program, words) in _some(VIOLATIONS, short):
                self._hostile(name, program, words, killed=True)
            for name, (program, words) in _some(FAILURES, short):
                self._hostile(name, program, words, killed=False)
            for name, case in _some(LIVING, short):
                self._living(name, *case)
            self._absent("no such container", "sbx-bench-nobody", USER, "No such container")
            self._absent("no such user", self._sound, "nobody-of-this-name", "nobody-of-this-name")
            self._no_python()
        holder.stop(self.runtime)
        return self.outcomes

    def left(self) -> list[str]:
        """Return what is left on this machine once all is over."""
        with contextlib.suppress(psutil.TimeoutExpired):
            self._holder.wait(10)
        holders = [f"the holder, {self._holder.pid}"] if self._holder.is_running() else []
        return holders + [problem for outcome in self.outcomes for problem in outcome.problems if "left" in problem]

    def _hostile(self, name: str, program: str, words: str, killed: bool) -> None:
        with self._container("--env=PATH=/evil:/usr/bin:/bin") as box:
            command = ["docker", "exec", "-i", box, "/bin/sh", "-c", "cat >/evil/python3; chmod 755 /evil/python3"]
            subprocess.run(command, input=(START + program + WAIT).encode(), check=True)
            self._fails(name, box, USER, words, lambda client: client.exec(["true"], timeout=PATIENCE), killed)

    def _living(self, name: str, act: Callable[[str], object], command: str, words: str) -> None:
        """Have something happen to a sound container while a request is under way."""
        with self._container() as box, Client(self.socket, box, USER) as client:
            client.exec(["true"])
            later = threading.Timer(0.5, act, (box,))
            later.start()
            self._fails(name, box, USER, words, lambda same: same.exec(command, timeout=PATIENCE), None)
            later.join()

    def _absent(self, name: str, box: str, user: str, words: str) -> None:
        self._fails(name, box, user, words, lambda client: client.exec(["true"], timeout=PATIENCE), None)

    def _no_python(self) -> None:
        """Without python3, a plain exec does it; without a shell too, the error says so."""
        nothing = "--env=PATH=/nothing"
        with self._container("--env=PATH=/evil") as box, Client(self.socket, box, USER) as client:
            bare = "ln -s /bin/sh /bin/cat /evil"
            subprocess.run(["docker", "exec", box, "/bin/sh", "-c", f"PATH=/bin:/usr/bin; {bare}"], check=True)
            done = client.exec("echo plain; exit 3", timeout=PATIENCE)
            wrong = [] if done == (3, b"plain\n", b"") else [f"a plain exec came to {done}"]
            self._note(Outcome("python3 is missing, a shell is there", wrong, f"{client.stat()['kind']}: {done}"))
        with self._container(nothing) as box:
            self._absent("python3 and the shell are missing", box, USER, "could not be run")

    def _fails(
        self,
        name: str,
        box: str,
        user: str,
        words: str,
        ask: Callable[[Client], object],
        killed: bool | None,
    ) -> None:
        outcome = Outcome(name)
        before = self._holder.num_fds()
        begun = time.monotonic()
        try:
            with Client(self.socket, box, user) as client:
                outcome.problems.append(f"no error: {ask(client)}")
        except SessionError as error:
            outcome.words = str(error)
        outcome.seconds = time.monotonic() - begun
        outcome.problems += [*_unclear(outcome, words), *self._after(box, killed, before)]
        self._note(outcome)

    def _after(self, box: str, killed: bool | None, before: int) -> list[str]:
        """Say what is wrong after a case: with the container, the holder and whom else it serves."""
        problems = [f"left by the holder: {child}" for child in self._holder.children(recursive=True)]
        if killed and not _within(lambda: not _runs(box)):
            problems.append("its container was not killed")
        if killed is False and not _runs(box):
            problems.append("its container was killed")
        if self._other.exec(["echo", "here"]).out != b"here\n":
            problems.append("another container was no longer served")
        # A silent agent's pipe is closed with its opening only.
        few = _within(lambda: self._holder.num_fds() <= before + 1, HELLO_SECONDS + 5)
        return problems if few else [*problems, "open files were left by the holder"]

    def _note(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        told = "; ".join(outcome.problems) or "as it should be"
        self.say(f"{outcome.name}: {outcome.seconds:.1f} s, {told} ({' '.join(outcome.words.split())[:140]})")

    @contextlib.contextmanager
    def _container(self, *options: str) -> Iterator[str]:
        name = f"sbx-hostile-{secrets.token_hex(4)}"
        command = ["docker", "run", "--detach", f"--name={name}", *HARDENED, *LIMITS, *PLACES, *options]
        try:
            subprocess.run(
                [*command, "--entrypoint=/usr/bin/sleep", self.image, "3600"], check=True, capture_output=True
            )
            yield name
        finally:
            _docker("rm", "--force", name)


def _docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True).stdout.strip()


LIVING: dict[str, tuple[Callable[[str], object], str, str]] = {
    "the agent is killed": (lambda _: None, "kill -9 $PPID; sleep 5", "the session ended"),
    "the agent is stopped": (lambda _: None, "kill -STOP $PPID; sleep 60", "the agent does not answer"),
    "the container is removed": (lambda box: _docker("rm", "--force", box), "sleep 60", "the session ended"),
    "the container is killed": (lambda box: _docker("kill", box), "sleep 60", "the session ended"),
    "the container is paused": (lambda box: _docker("pause", box), "sleep 60", "the agent does not answer"),
}


def _some(cases: dict[str, Case], short: bool) -> list[tuple[str, Case]]:
    return list(cases.items())[:: 5 if short else 1]


def _unclear(outcome: Outcome, words: str) -> list[str]:
    problems = [] if re.search(words, outcome.words) else [f"the error does not say `{words}`"]
    if any(not letter.isprintable() and letter != "\n" for letter in outcome.words):
        problems.append("the error holds control characters")
    return problems + ([f"took {outcome.seconds:.1f} s"] if outcome.seconds > LIMIT else [])


def _runs(box: str) -> bool:
    return _docker("inspect", "-f", "{{.State.Running}}", box) == "true"


def _within(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
