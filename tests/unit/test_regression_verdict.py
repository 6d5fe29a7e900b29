"""Each rule of the verdict, one test."""

from dataclasses import dataclass, replace

from sandbox_suite.regression.plans import Plan, Thresholds
from sandbox_suite.regression.results import SUITE_CASE, Case, Results
from sandbox_suite.regression.verdict import Judgement, blocked, judge

CRITICAL = [f"s/c{number}" for number in range(4)]
PLAN = Plan(description="x", plugin="a@1", dataset="d@1", policy="p", suites=["s"], critical=CRITICAL)
GOOD = tuple(Case("s", f"c{number}", "passed", seconds=0.010) for number in range(20))


@dataclass(frozen=True)
class Verified:
    complete: bool = True
    failed: tuple[str, ...] = ()


def verdict(
    cases: tuple[Case, ...] = GOOD,
    *,
    audit: bool = True,
    verified: Verified | None = Verified(),
    **thresholds: float,
) -> Judgement:
    return judge(Results(cases), PLAN, Thresholds.model_validate(thresholds), audit, verified)


def changed(number: int, **fields: object) -> tuple[Case, ...]:
    return tuple(replace(case, **fields) if at == number else case for at, case in enumerate(GOOD))  # type: ignore[arg-type]


def test_whole_and_good_evidence_passes() -> None:
    judged = verdict()
    assert (judged.verdict, judged.pass_rate, judged.critical_coverage, judged.reasons) == ("passed", 1.0, 1.0, ())


def test_flaky_case_counts_as_passed() -> None:
    assert verdict(changed(19, flaky=True)).pass_rate == 1.0


def test_failure_within_the_threshold_passes() -> None:
    judged = verdict(changed(19, outcome="failed"))
    assert (judged.verdict, judged.pass_rate) == ("passed", 0.95)


def test_pass_rate_below_the_threshold_is_regressed() -> None:
    judged = verdict(changed(19, outcome="failed"), pass_rate=0.96)
    assert judged.verdict == "regressed"
    assert judged.reasons == ("pass rate 0.950 is below 0.96",)


def test_skipped_cases_are_left_out_of_the_pass_rate() -> None:
    assert verdict(changed(19, outcome="skipped")).pass_rate == 1.0


def test_failed_critical_case_is_regressed_whatever_the_rate() -> None:
    judged = verdict(changed(0, outcome="failed"))
    assert (judged.verdict, judged.reasons) == ("regressed", ("critical cases failed: s/c0",))


def test_time_above_its_threshold_is_regressed() -> None:
    assert verdict(api_p95_ms=10.0).verdict == "passed"
    judged = verdict(changed(19, seconds=0.5), api_p99_ms=100.0)
    assert (judged.verdict, judged.reasons) == ("regressed", ("api_p99_ms is 500.0, above 100",))


def test_failed_verification_row_is_regressed() -> None:
    judged = verdict(verified=Verified(failed=("S-02: a way out",)))
    assert (judged.verdict, judged.reasons) == ("regressed", ("verification: S-02: a way out",))


def test_no_case_is_incomplete() -> None:
    judged = verdict(())
    assert judged.verdict == "incomplete"
    assert judged.pass_rate is None
    assert "no case ran" in judged.reasons


def test_only_skipped_cases_are_no_case() -> None:
    assert "no case ran" in verdict(tuple(replace(case, outcome="skipped") for case in GOOD)).reasons


def test_crashed_suite_is_incomplete() -> None:
    judged = verdict((*GOOD, Case("t", SUITE_CASE, "error", message="the script was killed by signal 9")))
    assert judged.verdict == "incomplete"
    assert judged.reasons == ("suite t: the script was killed by signal 9",)


def test_critical_case_without_an_answer_is_incomplete() -> None:
    for outcome in ("skipped", "error"):
        judged = verdict(changed(0, outcome=outcome))
        assert (judged.verdict, judged.critical_coverage) == ("incomplete", 0.75)
        assert judged.reasons[0] == "critical coverage 0.750 is below 0.95; no answer: s/c0"
    assert verdict(GOOD[1:]).verdict == "incomplete"


def test_critical_coverage_threshold_allows_what_it_says() -> None:
    assert verdict(changed(0, outcome="skipped"), critical_coverage=0.75).verdict == "passed"


def test_audit_that_differs_is_incomplete() -> None:
    assert verdict(audit=False).reasons == ("the audit log differs from what was done",)
    assert verdict(audit=False).verdict == "incomplete"


def test_verification_that_did_not_run_whole_is_incomplete() -> None:
    assert verdict(verified=None).verdict == "incomplete"
    assert verdict(verified=Verified(complete=False)).verdict == "incomplete"


def test_hole_weighs_more_than_a_failure_and_both_are_named() -> None:
    judged = verdict(changed(0, outcome="failed"), audit=False)
    assert judged.verdict == "incomplete"
    assert len(judged.reasons) == 2


def test_refused_dataset_is_blocked() -> None:
    judged = blocked(["column customers.email has no rule"])
    assert (judged.verdict, judged.pass_rate, judged.critical_coverage) == ("blocked", None, None)
