"""What a task did on a host, as a value of our own, and its audit record. Pure: Ansible's objects end here."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sandbox_suite.audit.record import Draft, Record
from sandbox_suite.converge.context import Context

ACTION = "converge.task"
LONGEST_MESSAGE = 2000  # characters kept of what a module says

Outcome = Literal["ok", "changed", "failed", "skipped", "unreachable"]


@dataclass(frozen=True)
class TaskResult:
    """One task on one host; the items of a loop are folded into it."""

    uuid: str  # Ansible's id of the task, unique in one run
    task: str  # its name, the role's included
    module: str
    host: str
    outcome: Outcome
    message: str = ""  # why it failed, was skipped or could not be reached
    ignored: bool = False  # failed, and the play goes on
    censored: bool = False  # no_log: Ansible keeps the result to itself
    check_mode: bool = False
    items: Mapping[str, int] = field(default_factory=dict)  # outcome -> how many items of a loop
    seconds: float = 0.0  # as Ansible counts them; 0 where it does not
    proved: Mapping[str, str] = field(default_factory=dict)  # what a module of ours found, such as a table's digest

    @property
    def key(self) -> tuple[str, str]:
        """Return what tells this result from every other of its run."""
        return self.uuid, self.host


def of(result: Any, outcome: Outcome, ignored: bool = False) -> TaskResult:
    """Return Ansible's result of a task as a value of our own."""
    said = result.result
    return TaskResult(
        uuid=str(result.task._uuid),
        task=str(result.task.get_name()),
        module=str(result.task.action),
        host=str(result.host.get_name()),
        outcome="changed" if outcome == "ok" and said.get("changed") else outcome,
        message=message(said) if outcome in ("failed", "skipped", "unreachable") else "",
        ignored=ignored,
        censored="censored" in said,
        check_mode=bool(result.task.check_mode),
        items=_items(said.get("results")),
        proved=proved(said),
    )


def message(said: Mapping[str, Any]) -> str:
    """Return why a task ended as it did, in the module's own words, cut to a readable length."""
    if "censored" in said:
        return "hidden: the task has no_log"
    words = [said.get("msg"), said.get("stderr"), said.get("skip_reason"), said.get("exception")]
    text = "\n".join(_text(word) for word in words[:2] if word) or next((_text(word) for word in words if word), "")
    failed = [item for item in said.get("results") or () if isinstance(item, Mapping) and item.get("failed")]
    text = "\n".join([text, *(message(item) for item in failed[:3])]) if failed else text
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"


def proved(said: Mapping[str, Any]) -> dict[str, str]:
    """Return what a module of ours reports as proved: name -> value, both texts."""
    found = said.get("sandbox_proved")
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, Mapping) else {}


def draft(result: TaskResult, context: Context) -> Draft:
    """Return the record of a task's result."""
    details = {
        "uuid": result.uuid,
        "module": result.module,
        "message": result.message,
        "ignored": result.ignored,
        "censored": result.censored,
        "check_mode": result.check_mode,
        "items": dict(result.items),
        "proved": dict(result.proved),
    }
    return Draft(
        job=context.job,
        tenant=context.tenant,
        actor=context.actor,
        action=ACTION,
        target=result.host,
        outcome=result.outcome,
        reason=context.reason,
        step=context.step,
        attempt=context.attempt,
        task=result.task,
        host=result.host,
        details={name: value for name, value in details.items() if value},
    )


def keys(records: Iterable[Record], step: str, attempt: int) -> dict[tuple[str, str], str]:
    """Return (task uuid, host) -> task name of the task records of one attempt at a step."""
    return {
        (record.details["uuid"], record.host): record.task
        for record in records
        if record.action == ACTION and (record.step, record.attempt) == (step, attempt)
    }


def _items(results: Any) -> dict[str, int]:
    if not isinstance(results, list):
        return {}
    return dict(Counter(_item(item) for item in results if isinstance(item, Mapping)))


def _item(item: Mapping[str, Any]) -> Outcome:
    flags: tuple[Outcome, ...] = ("unreachable", "failed", "skipped", "changed")
    return next((flag for flag in flags if item.get(flag)), "ok")


def _text(word: Any) -> str:
    return "\n".join(map(str, word)) if isinstance(word, list) else str(word)
