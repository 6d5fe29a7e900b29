"""Pairs of times: what is slower is found, what is not is left alone, and outliers move neither."""

import random

import pytest

from sandbox_suite.regression.performance import paired


def times(seed: int, count: int = 300) -> list[float]:
    chance = random.Random(seed)
    return [chance.lognormvariate(1, 1) for _ in range(count)]


def noisy(base: list[float], factor: float, seed: int, noise: float = 0.1) -> list[float]:
    chance = random.Random(seed)
    return [value * factor * chance.lognormvariate(0, noise) for value in base]


def test_a_tenth_slower_is_found_and_its_size_told() -> None:
    base = times(1)
    found = paired.compare(base, noisy(base, 1.1, 2))
    assert found.finding == "slower"
    assert found.ratio == pytest.approx(1.1, abs=0.02)
    assert found.low is not None
    assert found.high is not None
    assert 1.03 < found.low < found.ratio < found.high


def test_the_other_way_round_it_is_faster() -> None:
    base = times(1)
    assert paired.compare(noisy(base, 1.1, 2), base).finding == "faster"


def test_the_same_code_is_the_same_and_never_slower() -> None:
    findings = [paired.compare(base := times(seed), noisy(base, 1.0, seed + 1000)).finding for seed in range(60)]
    assert set(findings) == {"same"}


def test_a_difference_within_the_tolerance_is_none() -> None:
    base = times(3)
    assert paired.compare(base, noisy(base, 1.015, 4), tolerance=0.05).finding == "same"
    assert paired.compare(base, noisy(base, 1.05, 4, noise=0.01), tolerance=0.10).finding == "same"


def test_a_few_wild_pairs_move_nothing() -> None:
    base = times(5)
    wild = noisy(base, 1.0, 6)
    for at in range(0, 300, 10):
        wild[at] *= 50
    assert paired.compare(base, wild).finding in ("same", "unclear")
    assert paired.compare(base, [value * 1.1 for value in wild]).finding == "slower"


def test_too_few_or_too_noisy_pairs_are_unclear() -> None:
    assert paired.compare([1.0] * 9, [2.0] * 9).finding == "unclear"
    base = times(7, 20)
    assert paired.compare(base, noisy(base, 1.05, 8, noise=0.8)).finding == "unclear"


def test_times_that_are_none_are_left_out() -> None:
    found = paired.compare([0.0, *[1.0] * 20], [1.0, *[1.0] * 19, 0.0])
    assert found.pairs == 19


def test_interval_is_wilcoxons() -> None:
    """Twelve pairs: the tables refute shifts with a rank sum up to 7, so 0.2 to 0.5 are left; ours is a rank wider."""
    found = paired.shift([0.1, 0.2, 0.3, 0.4, 0.5, 0.6] * 2)
    assert found == pytest.approx((0.35, 0.15, 0.55))


def test_many_pairs_are_thinned_out_evenly() -> None:
    base = [1.0] * 5_000
    assert paired.compare(base, [1.1] * 5_000).pairs <= paired.MOST
