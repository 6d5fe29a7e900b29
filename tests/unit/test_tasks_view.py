"""What a person sees while a job runs, and which flags are refused."""

import io

import pytest
from invoke.exceptions import ParseError

from sandbox_suite.jobs.events import Event
from sandbox_suite.jobs.model import Job, Request, State
from sandbox_suite.tasks.program import refuse_misleading_flags
from sandbox_suite.tasks.view import View


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def event(kind: str, step: str = "deploy", **values: object) -> Event:
    return Event(1, "j1", "2026-01-01T00:00:00.000Z", kind, step, **values)  # type: ignore[arg-type]


def job(state: State) -> Job:
    request = Request(plan="smoke", tenant="qa", actor="ann")
    return Job(1, "j1", "qa", "smoke", request, state, "here", "", "", "", "", "", "", None)


def test_a_step_is_one_plain_line_with_its_time_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    view = View(stream)
    view.show([event("started"), event("progress", message="unpack"), event("ended", outcome="ok", seconds=1.234)])
    view.state(job(State.RUNNING))
    assert stream.getvalue() == "deploy         ok          1.23 s\n"


def test_a_failed_step_says_why_in_its_line() -> None:
    stream = io.StringIO()
    View(stream).show([event("ended", outcome="failed", seconds=1, message="no subnet\nmore")])
    assert stream.getvalue().endswith("FAILED      1.00 s  no subnet\n")


def test_on_a_terminal_a_live_line_says_what_runs_and_is_erased_by_the_next() -> None:
    stream = Terminal()
    with View(stream) as view:
        view.show([event("started"), event("progress", message="unpack")])
        view.state(job(State.RUNNING))
        assert "deploy: unpack" in stream.getvalue()
        view.show([event("ended", outcome="ok", seconds=1)])
    assert stream.getvalue().endswith("\r\x1b[K")


def test_a_queued_job_says_what_it_waits_for() -> None:
    stream = Terminal()
    View(stream).state(job(State.QUEUED))
    assert "waits for its turn (tenant qa)" in stream.getvalue()


def test_a_finding_of_a_step_is_shown_and_plain_progress_is_not() -> None:
    stream = io.StringIO()
    View(stream).show([event("progress", message="! a check failed"), event("progress", message="unpack")])
    assert stream.getvalue() == "deploy         a check failed\n"


@pytest.mark.parametrize("arguments", [["t", "--dry"], ["-R", "t"], ["t", "--list"], ["t", "-l"], ["t", "--list=x"]])
def test_invokes_flags_that_would_mislead_are_refused(arguments: list[str]) -> None:
    with pytest.raises(ParseError):
        refuse_misleading_flags(arguments)


@pytest.mark.parametrize(
    "arguments", [["--list"], ["-l", "sandbox"], ["stack.pulumi", "--", "--dry"], ["t", "--dry-run"]]
)
def test_flags_that_mean_what_they_say_pass(arguments: list[str]) -> None:
    refuse_misleading_flags(arguments)
