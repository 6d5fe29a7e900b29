"""Verdicts: pure rules, from results to one word and its reasons.

- **blocked**: the masking gate refused the dataset, so nothing was tried (`blocked`).
- **incomplete**: the evidence has a hole, so neither good nor bad is proved. No case ran; a suite crashed, hung or left
  unreadable results; fewer of the critical cases ran to an answer than `critical_coverage` asks; the audit differs
  from what was done; verification did not run whole; a threshold is asked for a figure that was not measured.
- **regressed**: the evidence is whole and says no. The pass rate is below `pass_rate`; a critical case failed; a figure
  of performance is beyond its absolute threshold; the plugin is slower than a version that ran interleaved with it; a
  verification check or a checklist row failed.
- **passed**: none of these. What differs from a stored baseline is advice (`performance.judging`), never a verdict.

A hole weighs more than a failure: an incomplete run says so even where it has failures too, and names both.
The pass rate is (passed + flaky) / (passed + flaky + failed + error); skipped cases are left out of it. A case ran to
an answer when it passed (flaky or not) or failed; `error` and `skipped` are no answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sandbox_suite.regression.performance import figures as figures_of
from sandbox_suite.regression.plans import MINIMUMS, SHARES, Plan, Thresholds
from sandbox_suite.regression.results import Case, Results

Verdict = Literal["passed", "regressed", "incomplete", "blocked"]
NAMED = 10  # cases a reason names before it only counts


class Verified(Protocol):
    """What a verdict asks of a verification."""

    @property
    def complete(self) -> bool:
        """Whether every check ran."""

    @property
    def failed(self) -> Sequence[str]:
        """What failed, a line each."""


@dataclass(frozen=True)
class Judgement:
    """A verdict, the figures it rests on, and why. Shares are 0..1; None where there is nothing to divide."""

    verdict: Verdict
    pass_rate: float | None
    critical_coverage: float | None
    reasons: tuple[str, ...] = ()
    measured: Mapping[str, float | None] = field(default_factory=dict)  # threshold -> what was measured


def blocked(reasons: Sequence[str]) -> Judgement:
    """Return the judgement of a job whose dataset the gate refused."""
    return Judgement("blocked", None, None, tuple(reasons), {})


def judge(
    results: Results, plan: Plan, thresholds: Thresholds, audit_complete: bool, verification: Verified | None,
    figures: Mapping[str, float | None] | None = None, elsewhere: Sequence[str] = (),
) -> Judgement:  # fmt: skip
    """Return the judgement of a run; the rules stand at the top of this module.

    `verification` None: it did not run. `figures` as `performance.figures` measures them; None: of the results alone.
    `elsewhere`: failures that were found beside the results, a sentence each: rows of the checklist, an interleaved
    comparison.
    """
    measured = _measure(results, plan, figures)
    holes = _holes(results, plan, thresholds, measured, audit_complete, verification)
    failures = _failures(results, plan, thresholds, measured, verification)
    failures += list(elsewhere)
    verdict: Verdict = "incomplete" if holes else "regressed" if failures else "passed"
    return Judgement(verdict, measured["pass_rate"], measured["critical_coverage"], tuple(holes + failures), measured)


def _measure(results: Results, plan: Plan, figures: Mapping[str, float | None] | None) -> dict[str, float | None]:
    return {
        "pass_rate": pass_rate(results.cases),
        "critical_coverage": critical_coverage(results.cases, plan.critical),
        **(figures_of.measure(results, (), {}, None) if figures is None else figures),
    }


def pass_rate(cases: Sequence[Case]) -> float | None:
    """Return (passed + flaky) / (passed + flaky + failed + error); None where no case ran."""
    ran = [case for case in cases if case.outcome != "skipped"]
    return sum(case.outcome == "passed" for case in ran) / len(ran) if ran else None


def critical_coverage(cases: Sequence[Case], critical: Sequence[str]) -> float:
    """Return the share of critical cases that ran to an answer; 1 where the plan has none."""
    return 1 - len(_unanswered(cases, critical)) / len(critical) if critical else 1.0


def _unanswered(cases: Sequence[Case], critical: Sequence[str]) -> list[str]:
    answered = {case.id for case in cases if case.outcome in ("passed", "failed")}
    return [case for case in critical if case not in answered]


def _holes(
    results: Results, plan: Plan, thresholds: Thresholds, measured: Mapping[str, float | None],
    audit_complete: bool, verification: Verified | None,
) -> list[str]:  # fmt: skip
    reasons = []
    if not any(case.outcome != "skipped" and not case.of_suite for case in results.cases):
        reasons.append("no case ran")
    reasons += [f"suite {case.suite}: {line}" for case in results.cases if case.of_suite
                for line in case.message.splitlines()]  # fmt: skip
    coverage = measured["critical_coverage"]
    if coverage is not None and coverage < thresholds.critical_coverage:
        missing = _listed(_unanswered(results.cases, plan.critical))
        reasons.append(
            f"critical coverage {coverage:.3f} is below {thresholds.critical_coverage:g}; no answer: {missing}"
        )
    if not audit_complete:
        reasons.append("the audit log differs from what was done")
    if verification is None or not verification.complete:
        reasons.append("verification did not run" if verification is None else "not every verification check ran")
    ran = any(case.outcome in ("passed", "failed") for case in results.cases)
    missing_figures = [name for name in thresholds.absolute() if measured.get(name) is None and name not in SHARES]
    if missing_figures and ran:
        reasons.append(f"a threshold is asked for what was not measured: {_listed(missing_figures)}")
    return reasons


def _failures(
    results: Results, plan: Plan, thresholds: Thresholds, measured: Mapping[str, float | None],
    verification: Verified | None,
) -> list[str]:  # fmt: skip
    reasons = []
    rate = measured["pass_rate"]
    if rate is not None and rate < thresholds.pass_rate:
        reasons.append(f"pass rate {rate:.3f} is below {thresholds.pass_rate:g}")
    failed = [case.id for case in results.cases if case.outcome == "failed" and case.id in plan.critical]
    if failed:
        reasons.append(f"critical cases failed: {_listed(failed)}")
    for name, limit in thresholds.absolute().items():
        value = None if name in SHARES else measured.get(name)
        if value is not None and (value < limit if name in MINIMUMS else value > limit):
            reasons.append(f"{name} is {value:.1f}, {'below' if name in MINIMUMS else 'above'} {limit:g}")
    return reasons + [f"verification: {line}" for line in (verification.failed if verification else ())]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
