"""What the parts use while the suites run: counters before and after, and looks in between where that takes long."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.files import read_json, write_json
from sandbox_suite.jobs.steps.context import Context
from sandbox_suite.regression.performance import counters
from sandbox_suite.sessions import holder
from sandbox_suite.sessions.client import Client

RESULT = "counters.json"
PARTS = ("plugin", "database")
EVERY = 0.5  # seconds between two looks; later a hundredth of the time that has passed
SECONDS = 5.0  # for each reading: a report can do without
PSQL = ("psql", "-XqAt", "--host=/tmp", "--dbname=sandbox", "--command")


@contextmanager
def counting(context: Context) -> Iterator[None]:
    """Read the counters before and after what is done inside, and write them into the job's folder.

    Where that fails or is cancelled nothing more is read: the way back must not wait for a container that is gone.
    """
    reader = _Reader(context)
    found: dict[str, Any] = {"before": reader.all()}
    watch = _Watch(reader, found["before"])
    watch.start()
    try:
        yield
    except BaseException:
        watch.ask_to_end()
        raise
    found["samples"] = watch.end()
    found["after"] = reader.all()
    found["seconds"] = round(time.monotonic() - watch.began, 3)
    write_json(context.folder / RESULT, found, mode=0o600)


class _Reader:
    """Reads counters through the sessions that are open; what cannot be read is missing, and said once."""

    def __init__(self, context: Context) -> None:
        self._context, self._told = context, False
        containers = read_json(context.folder / "outputs.json")["containers"]
        self._containers = {part: containers[part] for part in PARTS if part in containers}
        self._socket = holder.ensure(context.settings.runtime)

    def all(self) -> dict[str, Any]:
        """Return the counters of each part, and what the plugin's statements came to, all read at once."""
        with ThreadPoolExecutor(len(PARTS) + 1) as pool:
            statements = pool.submit(self._statements)
            return {**self.parts(pool), "statements": statements.result()}

    def parts(self, pool: ThreadPoolExecutor) -> dict[str, Any]:
        """Return the counters of each part."""
        return dict(zip(self._containers, pool.map(self._part, self._containers), strict=True))

    def _part(self, part: str) -> dict[str, int]:
        return counters.reading(self._run(part, "/bin/sh", "-c", counters.SCRIPT))

    def _statements(self) -> Any:
        try:
            return json.loads(self._run("database", *PSQL, counters.STATEMENTS))
        except (ValueError, RecursionError):
            return None

    def _run(self, part: str, *command: str) -> str:
        container = self._containers.get(part)
        if container is None:
            return ""
        try:
            with Client(self._socket, container["name"], container["user"]) as client:
                done = client.exec(command, timeout=SECONDS, most=8 << 20)
        except InfrastructureError as error:
            if not self._told:
                self._told = True
                self._context.say(f"! what {part} uses could not be read: {error.explanation.what}")
            return ""
        return done.out.decode(errors="replace") if done.rc == 0 else ""


class _Watch(threading.Thread):
    """Looks at the parts while something else runs."""

    def __init__(self, reader: _Reader, before: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self._reader, self._last, self._ended = reader, before, threading.Event()
        self._samples: dict[str, list[dict[str, float]]] = {part: [] for part in PARTS}
        self.began = time.monotonic()

    def run(self) -> None:
        """Look until the end."""
        seen = self.began
        with ThreadPoolExecutor(len(PARTS)) as pool:
            while not self._ended.wait(max(EVERY, (time.monotonic() - self.began) / 100)):
                now, at = self._reader.parts(pool), time.monotonic()
                for part, counted in now.items():
                    look = counters.sample(at - self.began, self._last.get(part, {}), counted, at - seen)
                    if look:
                        self._samples[part].append(look)
                self._last, seen = now, at

    def ask_to_end(self) -> None:
        """Look no more."""
        self._ended.set()

    def end(self) -> dict[str, list[dict[str, float]]]:
        """Stop, and return what was seen."""
        self.ask_to_end()
        self.join(2 * SECONDS)
        return self._samples
