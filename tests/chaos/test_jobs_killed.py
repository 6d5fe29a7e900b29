"""Real jobs at once, and killed: short forms of `./invoke bench.kills`, `bench.ten` and `bench.chaos`."""

import random
from collections.abc import Iterator

import pytest

from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.events import Event
from tests.benchmarks import ten
from tests.chaos import job_kills
from tests.chaos.job_kills import Kill, Killer
from tests.chaos.storm import Storm
from tests.e2e.conftest import Invoke
from tests.e2e.traces import Traces

NOW = "2026-01-01T12:00:00.000Z"
KILLS = (
    Kill(0, 1, "regress", "worker", 0.5),
    Kill(0, 2, "deploy", "ansible", 0.5),
    Kill(0, 3, "verify", "forkserver", 0.5),
)


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Invoke]:
    """A home in which one job has run: nothing of what is made once is under way when something dies."""
    invoke = Invoke(tmp_path_factory.mktemp("killed"))
    invoke.environment |= {"SANDBOX_CAPACITY": "4", "SANDBOX_LEASE_SECONDS": "40"}
    ended = invoke("sandbox.run", "--plan", "smoke", "--json")
    assert ended.code == 0, ended.err
    yield invoke
    invoke("ops.worker", "--stop")
    Traces(invoke.home).remove()


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.parametrize("kill", KILLS, ids=str)
def test_a_killed_job_ends_as_an_unbroken_one(kill: Kill, warm: Invoke) -> None:
    result = Killer(warm).go(kill)
    assert (result.wrong, result.same, result.steps_twice) == ([], True, 0)


@pytest.mark.docker
@pytest.mark.slow
def test_who_is_over_quota_waits_and_then_passes(warm: Invoke) -> None:
    verdicts = ten.at_once(warm, 3, ("qa",))  # whose quota is two
    waited, most = ten.queued(Database(warm.home), list(verdicts))
    assert (list(verdicts.values()), waited, most) == (["passed"] * 3, 1, 2)


@pytest.mark.docker
@pytest.mark.slow
def test_a_storm_leaves_nothing_behind_and_neighbours_untouched(warm: Invoke) -> None:
    found = Storm(warm, random.Random(5), print, most_kills=3).run(3)
    assert (found.left, found.neighbours_hurt, found.without_final_state) == ([], [], [])


def test_the_judge_sees_a_finished_step_that_began_again_unless_it_no_longer_counts() -> None:
    def told(*lines: tuple[str, str, str]) -> list[Event]:
        return [Event(n, "j1", NOW, kind, step, 1, outcome) for n, (kind, step, outcome) in enumerate(lines)]

    once = (("started", "admit", ""), ("ended", "admit", "ok"))
    assert job_kills.twice(told(*once)) == []
    assert job_kills.twice(told(*once, *once)) == ["admit"]
    assert job_kills.twice(told(*once, ("rerun", "admit", ""), *once)) == []
    assert job_kills.twice(told(once[0], ("ended", "admit", "failed"), *once)) == []
