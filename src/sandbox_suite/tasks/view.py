"""One line per step with its time; on a terminal a live line below that says what runs and what it waits for."""

import time
from collections.abc import Iterable
from typing import TextIO

from sandbox_suite.jobs.events import Event
from sandbox_suite.jobs.model import Job, State

FRAMES = "|/-\\"
ERASE = "\r\x1b[K"


class View:
    """Draws events on a stream. Plain lines where it is no terminal."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.live = stream, stream.isatty()
        self.now, self.since, self.frame = "", 0.0, 0

    def __enter__(self) -> "View":
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.stream.write(ERASE)
            self.stream.flush()

    def show(self, events: Iterable[Event]) -> None:
        """Draw what happened."""
        for event in events:
            line = _line(event)
            if line:
                self.stream.write((ERASE if self.live else "") + line + "\n")
            self._remember(event)
        self.stream.flush()

    def state(self, job: Job, wait: str = "") -> None:
        """Redraw the live line."""
        if not self.live:
            return
        self.frame += 1
        queued = f"waits for its turn (tenant {job.tenant}){': ' if wait else ''}{wait}"
        waiting = queued if job.state == State.QUEUED else self.now
        if waiting:
            seconds = f" {time.monotonic() - self.since:.0f} s" if self.since else ""
            self.stream.write(f"{ERASE}{FRAMES[self.frame // 4 % 4]} {waiting[:100]}{seconds}")
            self.stream.flush()

    def _remember(self, event: Event) -> None:
        if event.kind == "started":
            self.now, self.since = event.step, time.monotonic()
        elif event.kind == "progress":
            self.now = f"{event.step}: {event.message}"
        elif event.kind == "ended":
            self.now, self.since = "", 0.0


def _line(event: Event) -> str:
    if event.kind == "ended":
        words = {"ok": "ok", "failed": "FAILED", "cancelled": "cancelled"}[event.outcome]
        reason = f"  {event.message.splitlines()[0]}" if event.message else ""
        return f"{event.step:<14} {words:<9} {event.seconds:6.2f} s{reason}"
    if event.kind == "skipped":
        return f"{event.step:<14} skipped   {event.message}"
    if event.kind == "rerun":
        return f"again from {event.step}"
    if event.kind == "progress" and event.message.startswith("! "):
        return f"{event.step:<14} {event.message[2:]}"
    return ""
