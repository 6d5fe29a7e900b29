"""The short form of bench.hostile: some cases of each kind, and both sides of the frame protocol fuzzed for seconds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.sessions import container, image
from tests.chaos import sessions_fuzz
from tests.chaos.sessions_cases import Cases

pytestmark = [pytest.mark.docker, pytest.mark.slow]
SECONDS, SEED = 5.0, 5


@pytest.fixture(scope="module")
def box() -> Iterator[str]:
    with container() as name:
        yield name


def test_hostile_and_broken_containers_give_clear_errors_and_leave_nothing(tmp_path: Path) -> None:
    cases = Cases(tmp_path, image(), print)
    outcomes = cases.run(short=True)
    assert {outcome.name: outcome.problems for outcome in outcomes if outcome.problems} == {}
    assert len(outcomes) > 8
    assert cases.left() == []


def test_arbitrary_holders_do_not_crash_hang_or_swell_an_agent(box: str) -> None:
    found = sessions_fuzz.agents(box, SEED, SECONDS).result()
    assert found["findings"] == []
    assert found["lives"]


def test_arbitrary_agents_do_not_crash_hang_or_swell_the_holder() -> None:
    found = sessions_fuzz.holders(SEED, SECONDS).result()
    assert found["findings"] == []
    assert found["ended"]
    assert found["violations"]
