"""Counting around the suites: before and after, and nothing more is read where they were cancelled."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox_suite.core.errors import CancelledError
from sandbox_suite.core.files import read_json
from sandbox_suite.jobs.steps import counting


class Reader:
    """Stands in for the sessions: each reading is a second of CPU later."""

    def __init__(self, _: Any) -> None:
        self.read = 0

    def all(self) -> dict[str, Any]:
        self.read += 1
        READ.append(self.read)
        return {"plugin": {"cpu_us": self.read * 1_000_000}, "statements": {}}


READ: list[int] = []


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    READ.clear()
    monkeypatch.setattr(counting, "_Reader", Reader)
    return SimpleNamespace(folder=tmp_path)


def test_counters_are_read_before_and_after(context: Any) -> None:
    with counting.counting(context):
        assert READ == [1]
    kept = read_json(context.folder / counting.RESULT)
    assert (kept["before"]["plugin"]["cpu_us"], kept["after"]["plugin"]["cpu_us"]) == (1_000_000, 2_000_000)
    assert kept["samples"] == {"plugin": [], "database": []}


def test_a_cancelled_run_is_not_read_again_and_leaves_no_counters(context: Any) -> None:
    with pytest.raises(CancelledError), counting.counting(context):
        raise CancelledError("cancelled")
    assert READ == [1]
    assert not (context.folder / counting.RESULT).exists()
