"""Checks and rows: a row is proved only by a check that passed, and a check that could not be made proves nothing."""

import pytest

from sandbox_suite.verification import model
from sandbox_suite.verification.model import ROWS, Check, Outcome, Verification

ALL = tuple(Check(f"check of {row}", row, "passed", 0.1) for row in ROWS)


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        (["passed", "passed"], "proved"),
        (["passed", "skipped"], "proved"),
        (["skipped", "skipped"], "not applicable"),
        (["passed", "failed"], "failed"),
        (["passed", "error"], "failed"),
    ],
)
def test_state_of_a_row_follows_its_checks(outcomes: list[Outcome], state: str) -> None:
    assert model.of([Check("c", "S-01", outcome, 0.0) for outcome in outcomes]).rows == {"S-01": state}


def test_whole_verification_is_complete_and_nothing_failed() -> None:
    found = model.of(ALL)
    assert (found.complete, found.failed) == (True, ())


def test_row_without_a_check_is_a_hole() -> None:
    assert not model.of(ALL[1:]).complete
    assert not model.of(()).complete


def test_check_that_could_not_be_made_is_a_hole_and_is_named() -> None:
    found = model.of((*ALL, Check("labels", "", "error", 0.0, "no session\nlong trace")))
    assert not found.complete
    assert found.failed == ("labels: no session",)


def test_failed_check_is_named_with_its_row() -> None:
    assert model.of((Check("no way out", "S-02", "failed", 0.0),)).failed == ("S-02 no way out: failed",)


def test_file_is_read_back_as_it_was_written() -> None:
    found = model.of(ALL)
    assert Verification.from_dict(found.as_dict()) == found
