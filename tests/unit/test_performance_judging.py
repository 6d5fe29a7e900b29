"""A run held against a baseline: what strays by itself is no finding, what does not is; of little nothing is sure."""

import dataclasses
import random
from collections.abc import Mapping

import pytest

from sandbox_suite.regression.performance import judging, noise
from sandbox_suite.regression.performance.baseline import Accepted, Baseline, Run
from sandbox_suite.regression.performance.judging import Performance

CASES = [f"api/{number}" for number in range(50)]


def cases(seed: int, factor: float = 1.0, stray: float = 0.05) -> dict[str, float]:
    """Return the times of one run: each case has its own, and a run as a whole strays."""
    chance = random.Random(seed)
    whole = factor * chance.lognormvariate(0, stray)
    return {case: (3 + number) * whole * chance.lognormvariate(0, 0.1) for number, case in enumerate(CASES)}


def baseline(runs: int = 12, **figures: tuple[float, ...]) -> Baseline:
    made = tuple(
        Run(f"j{at}", "2026-01-01T00:00:00Z", cases(at), {name: values[at] for name, values in figures.items()})
        for at in range(runs)
    )
    accepted = Accepted("j0", "me", "2026-01-01T00:00:00Z", "first")
    return Baseline("smoke", "com.x", "1.0.0", "sha256:1", "d@1", "sha256:2", "m", accepted, made)


def judged(now: Mapping[str, float], against: Baseline | None, **given: float) -> Performance:
    relative = {name: value for name, value in given.items() if name.endswith(("_rise", "_fall"))}
    return judging.judge(now, {name: given[name] for name in given.keys() - relative.keys()}, against, relative)


def test_a_run_like_the_others_is_as_before() -> None:
    found = [judged(cases(seed), baseline()).advice for seed in range(100, 140)]
    assert set(found) == {"as before"}


def test_a_run_far_out_of_the_noise_is_worse_and_says_by_how_much() -> None:
    found = judged(cases(100, factor=1.5), baseline())
    assert found.advice == "worse"
    assert found.latency is not None
    assert found.latency.evidence.ratio == pytest.approx(1.5, rel=0.1)
    assert "latency over 50 cases is +" in found.reasons[0]
    assert len(found.latency.cases) == judging.SLOWEST


def test_a_run_much_quicker_is_better() -> None:
    assert judged(cases(100, factor=0.6), baseline()).advice == "better"


def test_runs_that_stray_far_by_themselves_need_more_to_be_worse() -> None:
    quiet, restless = baseline(), baseline()
    wild = tuple(Run(run.job, run.created_at, cases(at, stray=0.4), {}) for at, run in enumerate(restless.runs))
    restless = dataclasses.replace(restless, runs=wild)
    slower = cases(100, factor=1.5, stray=0.0)
    assert (judged(slower, quiet).advice, judged(slower, restless).advice) == ("worse", "as before")


def test_few_runs_do_not_show_how_they_stray_so_nothing_is_told() -> None:
    found = judged(cases(100, factor=3), baseline(noise.FEWEST - 1, plugin_cpu_s=(1.0,) * 12), plugin_cpu_s=9.0)
    assert found.advice == "not known"
    assert {held.middle for held in found.figures if held.name == "plugin_cpu_s"} == {1.0}


def test_without_a_baseline_figures_are_told_and_nothing_is_said_of_them() -> None:
    found = judged(cases(1), None, plugin_cpu_s=2.0)
    assert (found.advice, found.latency, found.as_dict()["against"]) == ("not known", None, None)
    assert {held.name: held.value for held in found.figures}["plugin_cpu_s"] == 2.0


@pytest.mark.parametrize(
    ("name", "value", "standing"),
    [("plugin_cpu_s", 1.05, "within noise"), ("plugin_cpu_s", 1.5, "worse"), ("plugin_cpu_s", 0.5, "better"),
     ("throughput_rps", 0.5, "worse"), ("throughput_rps", 1.5, "better")],
)  # fmt: skip
def test_a_figure_counts_in_its_own_direction(name: str, value: float, standing: str) -> None:
    found = judged(cases(1), baseline(12, **{name: (0.98, 1.0, 1.02) * 4}), **{name: value})
    assert next(held.standing for held in found.figures if held.name == name) == standing


def test_the_plans_relative_threshold_says_what_is_tolerated() -> None:
    held = baseline(12, queries=(100.0,) * 12)
    assert judged(cases(1), held, queries=120.0).advice == "worse"
    assert judged(cases(1), held, queries=120.0, queries_rise=0.25).advice == "as before"
    slower = cases(100, factor=1.5, stray=0.0)
    assert judged(slower, held, latency_rise=1.0).advice == "as before"


def test_a_band_reaches_every_run_that_was_accepted_and_one_odd_run_moves_its_middle_little() -> None:
    found = noise.band([10.0, 10.1, 9.9, 10.0, 14.0], least=0.5)
    assert found is not None
    assert (found.middle, found.low, found.high) == (10.0, 6.0, 14.0)
    assert noise.band([10.0] * 5, least=0.5) == noise.Band(10.0, 9.5, 10.5)
    assert noise.band([10.0] * 4, least=0.5) is None


def test_a_baseline_survives_its_file_and_leaves_a_job_out_of_what_it_is_held_against() -> None:
    made = baseline(6, queries=(1.0,) * 6)
    assert Baseline.from_dict(made.as_dict()) == made
    assert [run.job for run in made.without("j3").runs] == ["j0", "j1", "j2", "j4", "j5"]
