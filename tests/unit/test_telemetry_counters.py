"""Counters outlive processes, and other programs read them."""

import threading
from pathlib import Path

import pytest

from sandbox_suite.telemetry import counters

NAME = "sandbox_masking_blocked_total"
DEMO = {"dataset": "demo", "policy": "demo-qa"}


def test_a_counter_rises_and_is_read_from_its_file(tmp_path: Path) -> None:
    counters.add(tmp_path, NAME, DEMO)
    counters.add(tmp_path, NAME, DEMO, 2)
    assert counters.value(tmp_path, NAME, DEMO) == 3
    assert f'{NAME}{{dataset="demo",policy="demo-qa"}} 3' in counters.place(tmp_path).read_text().splitlines()


def test_a_series_appears_at_zero_and_is_not_reset(tmp_path: Path) -> None:
    counters.add(tmp_path, NAME, DEMO, 0)
    assert f'{NAME}{{dataset="demo",policy="demo-qa"}} 0' in counters.place(tmp_path).read_text()
    counters.add(tmp_path, NAME, DEMO)
    counters.add(tmp_path, NAME, DEMO, 0)
    assert counters.value(tmp_path, NAME, DEMO) == 1


def test_series_stand_apart_and_each_name_is_explained_once(tmp_path: Path) -> None:
    counters.add(tmp_path, NAME, DEMO)
    counters.add(tmp_path, NAME, {**DEMO, "policy": "other"})
    counters.add(tmp_path, "sandbox_notice_failed_total", {"owner": "data-team"})
    text = counters.place(tmp_path).read_text()
    assert text.count(f"# TYPE {NAME} counter") == 1
    assert counters.value(tmp_path, NAME, DEMO) == 1
    assert len(counters.read(tmp_path)) == 3


@pytest.mark.parametrize("odd", ['a"b', "a\\b", "a\nb", "a,b}", "\\n", "ü"])
def test_odd_labels_come_back_as_they_were(tmp_path: Path, odd: str) -> None:
    counters.add(tmp_path, NAME, {"dataset": odd})
    counters.add(tmp_path, NAME, {"dataset": odd})
    assert counters.read(tmp_path) == {(NAME, (("dataset", odd),)): 2}


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    threads = [threading.Thread(target=lambda: counters.add(tmp_path, NAME, DEMO)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counters.value(tmp_path, NAME, DEMO) == 12


def test_a_file_that_was_spoiled_is_begun_anew(tmp_path: Path) -> None:
    counters.add(tmp_path, NAME, DEMO)
    counters.place(tmp_path).write_bytes(b"\xff\x00 nonsense\n")
    counters.add(tmp_path, NAME, DEMO)
    assert counters.value(tmp_path, NAME, DEMO) == 1


def test_an_undeclared_counter_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        counters.add(tmp_path, "sandbox_something_total", {})
