"""Some leaks of many kinds, and some maskers that went wrong; `./invoke bench.leaks` does ten thousand and all."""

from pathlib import Path

import pytest

from tests.benchmarks import leaks, leaks_mutations

BROKEN = (
    "rule dropped: customers.phone",
    "key swapped",
    "row group skipped",
    "raises midway",
    "whole texts logged as spans that nobody wrote",
    "a prefilter that misses every name",
)


def test_planted_leaks_are_blocked_and_clean_datasets_are_not(tmp_path: Path) -> None:
    counts, short, bases = leaks.survey(tmp_path, seed=11, planted=150, short=20)
    missed = [what for count in [*counts.values(), *short.values()] for what in count.missed]
    assert missed == []
    assert bases.blocked == []
    assert sum(count.planted for count in counts.values()) == 150


@pytest.mark.parametrize("name", BROKEN)
def test_a_masker_that_went_wrong_is_blocked(name: str, tmp_path: Path) -> None:
    (mutation,) = [item for item in leaks_mutations.mutations() if item.name == name]
    assert leaks_mutations.blocked(mutation, tmp_path, seed=11)


def test_a_masker_without_fault_is_not_blocked(tmp_path: Path) -> None:
    assert not leaks_mutations.blocked(leaks_mutations.Mutation("none"), tmp_path, seed=11)


def test_a_masker_that_was_killed_leaves_nothing_of_use(tmp_path: Path) -> None:
    assert leaks_mutations.killed(tmp_path)
