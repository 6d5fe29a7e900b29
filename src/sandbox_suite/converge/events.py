"""What ansible-runner tells while a playbook runs: progress for the user, results and failures for the step."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sandbox_suite.converge.task_results import Outcome, TaskResult, message, proved
from sandbox_suite.core.progress import Say
from sandbox_suite.core.redaction import Redactor

RESULTS: dict[str, Outcome] = {
    "runner_on_ok": "ok",
    "runner_on_failed": "failed",
    "runner_on_skipped": "skipped",
    "runner_on_unreachable": "unreachable",
}
STARTS = ("playbook_on_task_start", "playbook_on_handler_task_start")
WORDS = ("verbose", "error", "warning")  # events that carry text only
LAST_WORDS = 30  # lines kept for the message of a run that never came to a task


@dataclass(frozen=True)
class Failure:
    """A task that failed, or a host that did not answer, and why."""

    task: str
    host: str
    message: str
    unreachable: bool = False

    def __str__(self) -> str:
        state = "did not answer" if self.unreachable else "failed"
        return f"task `{self.task}` {state} on {self.host}: {self.message}"


class Events:
    """Collects one run's events. `stats` stays empty when Ansible never came to its recap."""

    def __init__(self, say: Say, redact: Redactor) -> None:
        self._say = say
        self._redact = redact
        self._words: deque[str] = deque(maxlen=LAST_WORDS)
        self.results: list[TaskResult] = []
        self.stats: dict[str, dict[str, int]] = {}

    @property
    def failures(self) -> list[Failure]:
        """Return the failures that were not ignored."""
        return [
            Failure(result.task, result.host, result.message, result.outcome == "unreachable")
            for result in self.results
            if result.outcome in ("failed", "unreachable") and not result.ignored
        ]

    @property
    def last_words(self) -> str:
        """Return the last text that belonged to no task."""
        return self._redact("\n".join(self._words)).strip()

    def take(self, event: Mapping[str, Any]) -> bool:
        """Take one event; False, so that ansible-runner does not keep a file of it."""
        kind, content = event.get("event", ""), event.get("event_data") or {}
        if kind in STARTS:
            self._say(self._redact(_named(content)))
        elif kind in RESULTS:
            done = of_event(RESULTS[kind], content)
            self.results.append(replace(done, message=self._redact(done.message)))
        elif kind == "playbook_on_stats":
            self.stats = recap(content)
        elif kind in WORDS:
            self._words.extend(str(event.get("stdout", "")).splitlines())
        return False


def of_event(outcome: Outcome, content: Mapping[str, Any]) -> TaskResult:
    """Return the task result in an event."""
    said = content.get("res") or {}
    return TaskResult(
        uuid=str(content.get("task_uuid")),
        task=_named(content),
        module=str(content.get("task_action")),
        host=str(content.get("host")),
        outcome="changed" if outcome == "ok" and said.get("changed") else outcome,
        message=message(said) if outcome in ("failed", "unreachable") else "",
        ignored=bool(content.get("ignore_errors")),
        censored="censored" in said,
        seconds=round(float(content.get("duration") or 0), 3),
        proved=proved(said),
    )


def recap(content: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Return host -> {ok, changed, failures, dark, skipped, ...} of Ansible's recap, turned round."""
    counts = {name: value for name, value in content.items() if isinstance(value, dict) and name != "artifact_data"}
    hosts = sorted({host for value in counts.values() for host in value})
    return {
        host: {name: int(value.get(host, 0)) for name, value in counts.items() if name != "processed"} for host in hosts
    }


def _named(content: Mapping[str, Any]) -> str:
    """Return a task's name as Ansible shows it, the role's before it."""
    role, task = content.get("role"), str(content.get("task", ""))
    return f"{role} : {task}" if role else task
