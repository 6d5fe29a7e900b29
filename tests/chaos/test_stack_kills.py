"""A few kills of each sort; `./invoke bench.stack-kills` does fifty."""

from collections.abc import Iterator

import pytest

from tests.chaos.stack_kills import Kill, Killer, usual
from tests.e2e.conftest import Invoke
from tests.e2e.traces import Traces

KILLS = (
    Kill(0, 1, "provision", "worker", 0.6, "destroy"),
    Kill(0, 2, "provision", "forkserver", 0.4, "resume"),
    Kill(0, 3, "destroy", "pulumi", 0.3, "destroy"),
    Kill(0, 4, "destroy", "holder", 0.5, "destroy"),
)


@pytest.fixture(scope="module")
def killer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    """A home in which one job has run: nothing of what is made once is under way when something dies."""
    invoke = Invoke(tmp_path_factory.mktemp("kills"))
    ended = invoke("sandbox.run", "--plan", "smoke", "--json")
    assert ended.code == 0, ended.err
    yield Killer(invoke)
    invoke("ops.worker", "--stop")
    Traces(invoke.home).remove()


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.parametrize("kill", KILLS, ids=str)
def test_a_job_ends_clean_after_a_kill(kill: Kill, killer: Killer) -> None:
    assert killer.go(kill, usual(killer.invoke)[kill.phase]) == []
