"""The queue under worker kills, in its short form; `./invoke bench.queue` is the long one."""

import pytest

from tests.chaos import queue_kills
from tests.chaos.postgres_server import binaries, server


def judged(found: queue_kills.Found) -> None:
    assert (found.lost, found.twice, found.over_quota) == (0, 0, 0), found
    assert found.kills == 4


def test_no_job_is_lost_or_run_twice_and_no_quota_passed_on_sqlite() -> None:
    judged(queue_kills.run(jobs=100, kills=4, seed=7, say=print, seconds=120))


@pytest.mark.skipif(not binaries(), reason="no PostgreSQL on this machine")
def test_no_job_is_lost_or_run_twice_and_no_quota_passed_by_two_machines_on_postgresql() -> None:
    with server(durable=True) as one:
        judged(queue_kills.run(jobs=100, kills=4, seed=7, url=one.url, say=print, seconds=120))


def test_the_judge_sees_what_went_wrong() -> None:
    moves = [{"tenant": "a", "machine": "m", "before": "queued", "after": "running"} for _ in range(3)]
    assert queue_kills._over(moves, 10) == 1
    assert queue_kills._over(moves, 1) == 2
    fair = list("abccddeeee") * 20
    assert queue_kills._least_share(fair, 1000) == (1.0, 101)
    assert queue_kills._least_share(["e"] * 150 + fair, 1000)[0] == 0.0
