"""Two versions of a plugin, interleaved: a plan's suites run in both kept sandboxes in turn, and every case is a pair.

What a stored baseline cannot tell is told here: both were measured on this machine, within the same minutes, in an
order that is drawn anew for each round. Where the evidence is unclear more rounds are run. The finding is noted in the
folder of the job that is judged: its report, told again, has it as a verdict.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sandbox_suite.core.clock import Clock, iso
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import read_json, write_json
from sandbox_suite.core.progress import Say
from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs import suite_check
from sandbox_suite.jobs.model import Job
from sandbox_suite.regression.performance import judging, paired
from sandbox_suite.regression.performance.paired import Evidence
from sandbox_suite.regression.suites import Suite

RESULT = "against.json"
FEWEST = 3  # rounds before the evidence is looked at; the first of each side is not counted
NAME = "against"
Pairs = dict[str, list[tuple[float, float]]]  # case -> (seconds of the baseline, seconds of the judged one)


@dataclass(frozen=True)
class Found:
    """What was found: the evidence, of which jobs and versions, after how many rounds."""

    job: str
    plugin: str
    baseline_job: str
    baseline_plugin: str
    at: str  # ISO 8601, UTC
    rounds: int
    evidence: Evidence
    cases: tuple[tuple[str, float, float], ...]  # id, medians in milliseconds; the most slowed first

    @property
    def slower(self) -> bool:
        """Tell whether the judged version is slower beyond doubt and tolerance."""
        return self.evidence.finding == "slower"

    def as_dict(self) -> dict[str, Any]:
        """Return what against.json holds."""
        cases = [{"id": case, "before_ms": before, "now_ms": now} for case, before, now in self.cases]
        return {**asdict(self), "evidence": self.evidence.as_dict(), "cases": cases}


@dataclass(frozen=True)
class Asker:
    """Who compares, and where time, chance and ids come from."""

    actor: str
    clock: Clock
    chance: random.Random
    new_id: Callable[[], str]


def run(settings: Settings, job: Job, baseline: Job, rounds: int, asker: Asker, say: Say) -> Found:
    """Measure both sides in at most `rounds` rounds and judge `job`; RequestError: they cannot be compared."""
    plans = {one.id: _plan(settings, one) for one in (job, baseline)}
    _refuse_different(plans[job.id], plans[baseline.id])
    tolerance = plans[job.id]["thresholds"].get("latency_rise", judging.LATENCY_RISE)
    pairs: Pairs = {}
    evidence = paired.compare([], [], tolerance)
    done = 0
    for number in range(rounds + 1):
        taken = _round(settings, (job, baseline), plans[job.id], asker)
        if not number:
            continue  # caches, connections and compiled code are warm after it
        done = number
        for case in sorted(taken[job.id].keys() & taken[baseline.id].keys()):
            pairs.setdefault(case, []).append((taken[baseline.id][case], taken[job.id][case]))
        evidence = _evidence(pairs, tolerance)
        say(f"round {number}: {_told(evidence)}")
        if number >= min(FEWEST, rounds) and evidence.finding != "unclear":
            break
    plugin, other = (_version(plans[one.id]) for one in (job, baseline))
    found = Found(job.id, plugin, baseline.id, other, iso(asker.clock()), done, evidence, _slowest(pairs))
    write_json(settings.job(job.id) / RESULT, found.as_dict(), mode=0o600)
    return found


def _round(
    settings: Settings, sides: tuple[Job, Job], plan: Mapping[str, Any], asker: Asker
) -> dict[str, dict[str, float]]:
    """Run the suites of the plan once in each sandbox, in an order that is drawn; return seconds by job and case."""
    suites = [Suite.from_dict(suite) for suite in plan["suites"]]
    taken = {}
    for job in asker.chance.sample(sides, len(sides)):
        checked = suite_check.together(
            settings, job, suites, NAME, asker.new_id(), asker.actor, asker.clock, lambda _: None
        )
        passed = (case for case in checked.results.cases if case.outcome == "passed" and not case.flaky)
        taken[job.id] = {case.id: case.seconds for case in passed}
    return taken


def _plan(settings: Settings, job: Job) -> dict[str, Any]:
    suite_check.require_living(settings, job)
    plan: dict[str, Any] = read_json(settings.job(job.id) / "plan.json")
    return plan


def _refuse_different(one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    alike = {
        "plan": (one["plan"], other["plan"]),
        "dataset": (one["dataset"]["digest"], other["dataset"]["digest"]),
        "plugin": (one["plugin"]["id"], other["plugin"]["id"]),
    }
    wrong = [f"{what}: {mine} against {theirs}" for what, (mine, theirs) in alike.items() if mine != theirs]
    if wrong:
        raise RequestError(
            "\n".join(wrong), remedy="keep two jobs of one plan, dataset and plugin: `sandbox.run --keep`"
        )


def _evidence(pairs: Pairs, tolerance: float) -> Evidence:
    both = [pair for case in sorted(pairs) for pair in pairs[case]]
    return paired.compare([old for old, _ in both], [new for _, new in both], tolerance)


def _slowest(pairs: Pairs) -> tuple[tuple[str, float, float], ...]:
    before = judging.medians({case: old} for case, own in pairs.items() for old, _ in own)
    now = judging.medians({case: new} for case, own in pairs.items() for _, new in own)
    order = sorted(pairs, key=lambda case: now[case] / max(before[case], 1e-9), reverse=True)
    return tuple((case, round(before[case] * 1000, 3), round(now[case] * 1000, 3)) for case in order[: judging.SLOWEST])


def _told(evidence: Evidence) -> str:
    if evidence.ratio is None or evidence.low is None or evidence.high is None:
        return f"{evidence.pairs} pairs"
    shift, low, high = (f"{100 * (value - 1):+.1f} %" for value in (evidence.ratio, evidence.low, evidence.high))
    return f"{evidence.pairs} pairs, {shift} ({low} to {high}): {evidence.finding}"


def _version(plan: Mapping[str, Any]) -> str:
    return f"{plan['plugin']['id']}@{plan['plugin']['version']}"
