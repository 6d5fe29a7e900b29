"""What tasks did, as our values, records and messages."""

import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sandbox_suite.audit.record import Head, sealed
from sandbox_suite.converge import task_results
from sandbox_suite.converge.context import Context
from sandbox_suite.converge.events import Events, recap
from sandbox_suite.core.redaction import Redactor

CONTEXT = Context(Path("/x"), "j1", "deploy", 2, "qa", "acme", "because")


def result(said: dict[str, Any], outcome: Any = "ok", **more: Any) -> task_results.TaskResult:
    task = SimpleNamespace(_uuid="u1", get_name=lambda: "role : do it", action="copy", check_mode=False)
    host = SimpleNamespace(get_name=lambda: "plugin")
    return task_results.of(SimpleNamespace(task=task, host=host, result=said), outcome, **more)


def test_a_change_is_told_from_a_look() -> None:
    assert result({"changed": True}).outcome == "changed"
    assert result({"changed": False}).outcome == "ok"
    assert result({"changed": True}, "failed").outcome == "failed"


def test_items_of_a_loop_are_folded_into_one_record() -> None:
    items = [{"changed": True}, {"changed": False}, {"failed": True, "msg": "no"}, {"skipped": True}, {"changed": True}]
    done = result({"results": items, "msg": "One or more items failed"}, "failed")
    assert done.items == {"changed": 2, "ok": 1, "failed": 1, "skipped": 1}
    assert done.message == "One or more items failed\nno"


def test_a_censored_result_stays_censored() -> None:
    draft = task_results.draft(result({"censored": "hidden", "changed": True}, "failed"), CONTEXT)
    assert draft.details["censored"] is True
    assert draft.details["message"] == "hidden: the task has no_log"


def test_arguments_and_output_of_a_task_that_went_well_are_in_no_record() -> None:
    said = {"invocation": {"module_args": {"content": "private"}}, "stdout": "private", "msg": "private"}
    assert "private" not in str(task_results.draft(result(said), CONTEXT))


def test_a_record_is_keyed_by_job_step_attempt_task_and_host() -> None:
    draft = task_results.draft(result({}), CONTEXT)
    assert (draft.job, draft.step, draft.attempt, draft.task, draft.host) == (
        "j1",
        "deploy",
        2,
        "role : do it",
        "plugin",
    )
    assert (draft.actor, draft.tenant, draft.reason) == ("qa", "acme", "because")


def test_keys_are_those_of_one_attempt_at_one_step() -> None:
    record = sealed(task_results.draft(result({}), CONTEXT), Head(), datetime.datetime(2026, 1, 1).isoformat())
    assert task_results.keys([record], "deploy", 2) == {("u1", "plugin"): "role : do it"}
    assert task_results.keys([record], "deploy", 1) == {}


def test_a_long_message_is_cut() -> None:
    assert len(result({"msg": "x" * 9000}, "failed").message) == task_results.LONGEST_MESSAGE


def event(kind: str, **content: Any) -> dict[str, Any]:
    return {"event": kind, "event_data": {"task_uuid": "u", "host": "plugin", "task": "do it", "role": "r", **content}}


def test_events_tell_progress_results_and_failures_without_secrets() -> None:
    said: list[str] = []
    events = Events(said.append, Redactor(["s3cr" + "et9"]))
    events.take(event("playbook_on_task_start"))
    events.take(event("runner_on_failed", res={"msg": "wrong: s3cr" + "et9"}))
    events.take(event("runner_on_failed", res={"msg": "never mind"}, ignore_errors=True))
    events.take(event("runner_item_on_failed", res={"msg": "an item"}))
    assert said == ["r : do it"]
    assert [str(failure) for failure in events.failures] == ["task `r : do it` failed on plugin: wrong: [redacted]"]
    assert len(events.results) == 2


def test_a_host_that_does_not_answer_is_a_failure_of_its_own_kind() -> None:
    events = Events(lambda line: None, Redactor())
    events.take(event("runner_on_unreachable", res={"msg": "gone"}))
    assert str(events.failures[0]) == "task `r : do it` did not answer on plugin: gone"


def test_the_recap_is_by_host() -> None:
    stats = recap({"ok": {"a": 2, "b": 1}, "changed": {"a": 1}, "processed": {"a": 1, "b": 1}, "playbook": "x"})
    assert stats == {"a": {"ok": 2, "changed": 1}, "b": {"ok": 1, "changed": 0}}
