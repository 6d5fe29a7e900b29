"""Results: whatever a suite leaves behind becomes cases; nothing is lost and nothing passes silently."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_suite.regression import reading, results
from sandbox_suite.regression.results import Case, read
from sandbox_suite.regression.suites import Manifest, Suite


def line(case: str, outcome: str = "passed", **more: Any) -> str:
    return json.dumps({"case": case, "suite": "s", "outcome": outcome, "seconds": 0.01, **more})


def leave(folder: Path, *lines: str, code: int | None = 0, log: str = "") -> Path:
    (folder / "s.jsonl").write_text("".join(text + "\n" for text in lines))
    if code is not None:
        (folder / "s.rc").write_text(f"{code}\n")
    if log:
        (folder / "s.log").write_text(log)
    return folder


def suite(*cases: str, retries: int = 0, name: str = "s") -> Suite:
    return Suite(Manifest(name=name, language="bash", run=["x"], cases=list(cases), retries=retries), Path())


def only(folder: Path, *suites: Suite) -> Case:
    (case,) = read(folder, suites).cases
    return case


def trouble(folder: Path, *suites: Suite) -> str:
    (case,) = [case for case in read(folder, suites).cases if case.of_suite]
    assert case.outcome == "error"
    return case.message


def test_case_is_read_whole(tmp_path: Path) -> None:
    leave(tmp_path, line("a", "failed", message="m", request="GET /", response="500", tags=["t"]), code=1, log="x\ny\n")
    assert only(tmp_path) == Case(
        "s", "a", "failed", seconds=0.01, message="m", request="GET /", response="500", tags=("t",), log=("x", "y")
    )


def test_declared_retry_that_passes_is_flaky(tmp_path: Path) -> None:
    leave(tmp_path, line("a", "failed"), line("a", attempt=2))
    case = only(tmp_path, suite("a", retries=1))
    assert (case.outcome, case.flaky, case.attempts) == ("passed", True, 2)
    assert read(tmp_path).counts()["flaky"] == 1


def test_retry_that_was_not_declared_does_not_count(tmp_path: Path) -> None:
    leave(tmp_path, line("a", "failed"), line("a", attempt=2), code=1)
    case = only(tmp_path, suite("a", retries=0))
    assert (case.outcome, case.flaky) == ("failed", False)
    assert "the suite declares 0 retries" in case.message


def test_two_answers_of_one_attempt_count_as_the_worse(tmp_path: Path) -> None:
    leave(tmp_path, line("a", "failed"), line("a", "passed"), code=1)
    assert (only(tmp_path).outcome, only(tmp_path).flaky) == ("failed", False)
    assert "reported more than once" in only(tmp_path).message


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (None, "never ended"),
        (124, "ended at its timeout"),
        (139, "killed by signal 11"),
        (2, "exit code 2"),
        (1, "no failed case explains; its last words: boom"),
        (-9, "exit code -9"),
    ],
)
def test_suite_that_did_not_end_well_is_an_error(tmp_path: Path, code: int | None, said: str) -> None:
    assert said in trouble(leave(tmp_path, line("a"), code=code, log="boom"))


def test_exit_code_one_is_explained_by_a_failed_case(tmp_path: Path) -> None:
    assert only(leave(tmp_path, line("a", "failed"), code=1)).outcome == "failed"


def test_suite_that_wrote_nothing_is_an_error(tmp_path: Path) -> None:
    assert "wrote no result" in trouble(leave(tmp_path))


def test_suite_that_left_no_file_at_all_is_an_error(tmp_path: Path) -> None:
    assert "declared cases that never reported: a, b" in trouble(tmp_path, suite("a", "b"))


def test_declared_case_without_a_result_is_an_error(tmp_path: Path) -> None:
    assert trouble(leave(tmp_path, line("a")), suite("a", "b")) == "declared cases that never reported: b"
    (missing,) = [case for case in read(tmp_path, [suite("a", "b")]).cases if case.name == "b"]
    assert (missing.outcome, missing.message) == ("error", results.NEVER)


def test_case_that_its_suite_does_not_declare_counts_and_is_listed(tmp_path: Path) -> None:
    leave(tmp_path, line("a"), line("b", "failed"), code=1)
    found = read(tmp_path, [suite("a")])
    assert [(case.name, case.outcome) for case in found.cases] == [("a", "passed"), ("b", "failed")]
    assert found.undeclared == ("s/b",)
    assert found.notes == ("suite s: cases that suite.yaml does not declare: b",)
    assert read(tmp_path, [suite()]).undeclared == ()


def test_pass_whose_first_attempt_is_kept_quiet_is_no_plain_pass(tmp_path: Path) -> None:
    leave(tmp_path, line("a", attempt=2))
    assert only(tmp_path, suite("a", retries=1)).flaky
    (case,) = read(tmp_path, [suite("a")]).cases
    assert (case.outcome, case.flaky) == ("error", False)
    assert "only attempts after number 1 were reported" in case.message


@pytest.mark.parametrize(
    "garbage",
    [
        line("b", seconds=10**400),
        line("b", attempt=10**4000),
        "Segmentation fault",
        "[]",
        '{"case": "", "outcome": "passed"}',
        line("b", "great"),
        line("b", seconds="fast"),
        line("b", seconds=float("nan")),
        line("b", attempt=0),
        line("b", suite="other"),
        "[" * 100_000,
    ],
)
def test_garbage_is_named_and_the_cases_around_it_are_kept(tmp_path: Path, garbage: str) -> None:
    leave(tmp_path, line("a"), garbage, line("c"))
    assert [case.name for case in read(tmp_path).cases] == ["a", "c", results.SUITE_CASE]
    assert "1 lines of s.jsonl are not results; the first: line 2" in trouble(tmp_path)


def test_huge_files_are_read_only_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_FILE", 300)
    leave(tmp_path, *[line(f"c{number}") for number in range(20)], log="x" * 200_000)
    assert "the rest was not read" in trouble(tmp_path)


def test_long_and_deceiving_text_is_cut_and_cleaned(tmp_path: Path) -> None:
    leave(
        tmp_path,
        line("a", "failed", message="x" * 9000, request="\x00\x1b[31m\u202eGET\r\nHost", response={"k": 1}),
        code=1,
    )
    case = only(tmp_path)
    assert len(case.message) == reading.MAX_TEXT
    assert case.request == "��[31m�GET\nHost"
    assert case.response == '{"k": 1}'


def test_junit_is_read(tmp_path: Path) -> None:
    (tmp_path / "s.xml").write_text(
        '<testsuites><testsuite name="x"><testcase classname="m" name="a" time="0.5"/>'
        '<testcase name="b" time="bad"><failure message="no">trace</failure></testcase>'
        '<testcase name="c"><skipped/></testcase>'
        '<testsuite name="within"><testcase name="d"><error message="e"/></testcase></testsuite>'
        "</testsuite></testsuites>"
    )
    (tmp_path / "s.rc").write_text("1")
    cases = read(tmp_path).cases
    assert [(case.name, case.outcome) for case in cases] == [
        ("m.a", "passed"),
        ("b", "failed"),
        ("c", "skipped"),
        ("d", "error"),
    ]
    assert cases[1].message == "no\ntrace"


@pytest.mark.parametrize(
    "text", ["", "<testsuite", '<!DOCTYPE x [<!ENTITY a "b">]><testsuite/>', "<html/>", "<testsuites><x/></testsuites>"]
)
def test_junit_that_cannot_be_read_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.xml").write_text(text)
    (tmp_path / "s.rc").write_text("0")
    assert trouble(tmp_path)


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_no_bytes_crash_the_reading(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "s.jsonl").write_bytes(b"\n".join(lines))
    (folder / "s.rc").write_bytes(b"0")
    (folder / "x.xml").write_bytes(b"".join(lines))
    assert all(case.outcome == "error" for case in read(folder).cases)


def test_results_are_found_in_the_folder_of_artifacts_too(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    leave(tmp_path / "results", line("a"))
    assert only(tmp_path).name == "a"


def test_suites_outlive_the_checkout_in_the_plan_of_a_job() -> None:
    kept = suite("a", "b", retries=2)
    assert Suite.from_dict(json.loads(json.dumps(kept.as_dict()))) == kept


def test_percentile_is_a_value_that_was_measured() -> None:
    values = [float(number) for number in range(1, 21)]
    assert (results.percentile(values, 0.5), results.percentile(values, 0.95), results.percentile(values, 0.99)) == (
        10.0,
        19.0,
        20.0,
    )
    assert results.percentile([], 0.5) is None
