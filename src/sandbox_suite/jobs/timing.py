"""Where the time of a job went: each attempt at a step by kind of work, and what lies between the steps."""

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox_suite.core.settings import Settings
from sandbox_suite.core.spans import KINDS, OWN, length
from sandbox_suite.jobs import events, outcome
from sandbox_suite.jobs.database import connect
from sandbox_suite.jobs.model import Job

COLUMNS = (OWN, *KINDS)
SLOWEST = 10  # of Ansible's tasks, in the table


def of(settings: Settings, job: Job) -> dict[str, Any]:
    """Return the times of a job: the whole, each step by kind of work, the time in which no step ran.

    Steps that ran side by side are both counted. A step whose process was killed has no kinds, only its seconds.
    """
    past = events.read(connect(settings), job.id)
    begin = _moment(job.created_at)
    steps = [_step(settings.job(job.id), one, begin) for one in past if one.kind == "ended"]
    end = _moment(job.ended_at or past[-1].time) if past else begin
    covered = length([(step["began"], step["began"] + step["seconds"]) for step in steps])
    return {
        "job": job.id,
        "seconds": round(end - begin, 3),
        "between_steps": round(max(end - begin - covered, 0.0), 3),
        "steps": steps,
        "kinds": {kind: round(sum(step["kinds"].get(kind, 0.0) for step in steps), 3) for kind in COLUMNS},
    }


def _step(folder: Path, ended: events.Event, begin: float) -> dict[str, Any]:
    left = outcome.read(folder, ended.step.replace(" ", "-"), ended.attempt)
    inside = left.timing if left else {}
    kinds = {kind: round(inside.get(kind, 0.0), 3) for kind in COLUMNS} if inside else {}
    if kinds:  # what passed outside of the step's own process: its start and its end
        kinds["waiting"] = round(kinds["waiting"] + max(ended.seconds - sum(inside.values()), 0.0), 3)
    return {
        "name": ended.step,
        "attempt": ended.attempt,
        "began": round(_moment(ended.time) - ended.seconds - begin, 3),
        "seconds": round(ended.seconds, 3),
        "kinds": kinds,
        "tasks": [
            {"task": task, "host": host, "seconds": seconds}
            for task, host, seconds in (left.made.get("task_seconds", []) if left else [])
        ],
    }


def lines(times: Mapping[str, Any]) -> list[str]:
    """Return the times as a person reads them."""
    head = f"{'step':<14}{'began':>8}{'seconds':>9}" + "".join(f"{kind:>11}" for kind in COLUMNS)
    found = [head, *(_row(step) for step in times["steps"])]
    found.append(f"{'between steps':<14}{'':>8}{times['between_steps']:>9.3f}")
    found.append(f"{'whole':<14}{'':>8}{times['seconds']:>9.3f}" + _cells(times["kinds"]))
    tasks = [(task["seconds"], step["name"], task) for step in times["steps"] for task in step["tasks"]]
    slowest = sorted(tasks, key=lambda one: one[0], reverse=True)[:SLOWEST]
    return found + ["slowest tasks"] * bool(slowest) + [_task(*one) for one in slowest]


def _row(step: Mapping[str, Any]) -> str:
    again = f" ({step['attempt']})" if step["attempt"] > 1 else ""
    return f"{step['name'] + again:<14}{step['began']:>8.3f}{step['seconds']:>9.3f}" + _cells(step["kinds"])


def _cells(kinds: Mapping[str, float]) -> str:
    return "".join(f"{kinds[kind]:>11.3f}" if kinds.get(kind) else f"{'-':>11}" for kind in COLUMNS)


def _task(seconds: float, step: str, task: Mapping[str, Any]) -> str:
    return f"  {seconds:7.3f}  {step:<8} {task['host']:<9} {task['task']}"


def _moment(time: str) -> float:
    return datetime.datetime.fromisoformat(time).timestamp()
