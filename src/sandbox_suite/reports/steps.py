"""The steps of a job, told from its audit records and from what each step left. Pure."""

import datetime
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from sandbox_suite.audit.record import Record
from sandbox_suite.reports.facts import Step, Task

SLOWEST = 12  # of a step's tasks


def told(records: Sequence[Record], left: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> list[Step]:
    """Return the steps that ended, of those called `names`, in that order.

    `records` are the job's, `left` what `steps/<step>.json` holds: its times (a step's end is its record's time, its
    seconds are the sum of its kinds of work). The pause before a step that was run again later is left out.
    """
    ended = {record.step: record for record in records if record.action == "step.run" and record.step in names}
    spans = {name: _span(record, left.get(name, {})) for name, record in ended.items()}
    starts = _starts(spans, [_moment(record.time) for record in records if record.action == "job.rerun"])
    return [
        Step(
            name=name,
            outcome=ended[name].outcome,
            seconds=round(spans[name][1] - spans[name][0], 3),
            started=starts[name],
            attempts=ended[name].attempt or 1,
            records=_numbers(records, name),
            tasks=_tasks(left.get(name, {})),
        )
        for name in names
        if name in ended
    ]


def _span(record: Record, left: Mapping[str, Any]) -> tuple[float, float]:
    end = _moment(record.time)
    timing = left.get("timing") or {}
    return end - sum(timing.values()), end


def _starts(spans: Mapping[str, tuple[float, float]], reruns: Sequence[float]) -> dict[str, float]:
    """Return when each step began, in seconds since the first one's start, pauses left out."""
    ordered = sorted(spans, key=lambda name: spans[name][0])
    starts, taken_out, latest = dict.fromkeys(ordered[:1], 0.0), 0.0, spans[ordered[0]][1] if ordered else 0.0
    for before, name in pairwise(ordered):
        latest = max(latest, spans[before][1])
        if any(latest <= rerun <= spans[name][0] for rerun in reruns):
            taken_out += spans[name][0] - latest
        starts[name] = round(max(0.0, spans[name][0] - spans[ordered[0]][0] - taken_out), 3)
    return starts


def _numbers(records: Sequence[Record], step: str) -> tuple[int, int] | None:
    numbers = [record.number for record in records if record.step == step]
    return (min(numbers), max(numbers)) if numbers else None


def _tasks(left: Mapping[str, Any]) -> tuple[Task, ...]:
    seconds = [Task(*item) for item in (left.get("made") or {}).get("task_seconds", [])]
    slow = set(sorted(range(len(seconds)), key=lambda at: -seconds[at].seconds)[:SLOWEST])
    return tuple(task for at, task in enumerate(seconds) if at in slow)


def _moment(time: str) -> float:
    return datetime.datetime.fromisoformat(time).timestamp()
