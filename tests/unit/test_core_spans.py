"""Spans of work and their sums."""

import contextlib
import threading

from sandbox_suite.core import spans
from sandbox_suite.core.spans import Span


def test_the_sums_are_the_whole_time_and_the_inner_work_is_taken_off_the_outer() -> None:
    taken = [
        Span("pulumi", 1.0, 5.0),
        Span("docker", 2.0, 3.0),
        Span("docker", 2.5, 4.0),  # beside the other
        Span("waiting", 0.0, 0.5),
    ]
    found = spans.sums(taken, 0.0, 10.0)
    assert found == {"own": 5.5, "docker": 2.0, "containers": 0.0, "pulumi": 2.0, "ansible": 0.0, "waiting": 0.5}


def test_what_lies_outside_of_the_time_asked_for_does_not_count() -> None:
    found = spans.sums([Span("docker", 0.0, 10.0), Span("pulumi", 11.0, 12.0)], 4.0, 6.0)
    assert found["docker"] == 2.0
    assert found["pulumi"] == found["own"] == 0.0


def test_spans_of_every_thread_are_collected_and_those_of_work_that_fails_too() -> None:
    def fail() -> None:
        raise OSError

    def apart() -> None:
        with spans.span("docker"):
            pass

    with spans.collecting() as taken:
        thread = threading.Thread(target=apart)
        thread.start()
        thread.join()
        with contextlib.suppress(OSError):
            spans.spanned("pulumi", fail)()
    assert [one.kind for one in taken] == ["docker", "pulumi"]


def test_nothing_is_kept_outside_of_a_collection() -> None:
    with spans.collecting() as taken:
        pass
    with spans.span("docker"):
        pass
    assert taken == []
