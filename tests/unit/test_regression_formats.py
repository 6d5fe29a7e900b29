"""JUnit XML and TAP as real tools write them, whole and broken: every case is there, and nothing half-read passes."""

from pathlib import Path

import pytest

from sandbox_suite.regression.formats import attempts, json_lines, junit, tap
from sandbox_suite.regression.formats.attempts import Read

NODE = b"""TAP version 13
# Subtest: health
ok 1 - health
  ---
  duration_ms: 3.2
  ...
# Subtest: group
    # Subtest: inner
    not ok 1 - inner
      ---
      duration_ms: 1
      error: 'boom'
      ...
    # Subtest: deep
        # Subtest: leaf
        ok 1 - leaf # SKIP no
        1..1
    ok 2 - deep
    1..2
not ok 2 - group
  ---
  ...
1..2
# tests 2
"""
PERL = b"""    # Subtest: foo
    ok 1 - a
    1..1
ok 1 - foo
    # Subtest: bar
    ok 1 - b
    not ok 2 - c # TODO later
    1..2
ok 2 - bar
1..2
"""
BARE = b"TAP version 14\n    ok 1 - a\n    1..1\nok 1 - one\n    ok 1 - a\n    1..1\nok 2 - two\n1..2\n"


def outcomes(said: Read) -> dict[str, str]:
    """Return outcomes by case."""
    return {attempt.case: attempt.outcome for attempt in said.attempts}


def of_tap(text: str | bytes) -> Read:
    return tap.read(text if isinstance(text, bytes) else text.encode(), "s.tap", "s")


def of_junit(text: str | bytes) -> Read:
    return junit.read(text if isinstance(text, bytes) else text.encode(), "s.xml", "s")


def test_subtests_of_node_are_cases_by_their_path() -> None:
    said = of_tap(NODE)
    assert outcomes(said) == {"health": "passed", "group > inner": "failed", "group > deep > leaf": "skipped"}
    assert [attempt.seconds for attempt in said.attempts] == [0.0032, 0.001, 0.0]
    assert said.attempts[1].message == "error: 'boom'"
    assert said.troubles == []


@pytest.mark.parametrize(
    ("text", "cases"),
    [
        (PERL, {"foo > a": "passed", "bar > b": "passed", "bar > c": "skipped"}),
        (BARE, {"one > a": "passed", "two > a": "passed"}),
    ],
)
def test_subtests_are_named_whoever_tells_their_title(text: bytes, cases: dict[str, str]) -> None:
    assert outcomes(of_tap(text)) == cases
    assert of_tap(text).troubles == []


def test_failure_that_no_subtest_explains_is_a_case_of_its_own() -> None:
    said = of_tap("# Subtest: group\n    ok 1 - a\n    1..1\nnot ok 1 - group\n1..1\n")
    assert outcomes(said) == {"group > a": "passed", "group": "failed"}


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("1..3\nok 1\nok 2\n", "promised 3 test points, 2 came"),
        ("ok 1\nok 2\n", "no plan"),
        ("", "no plan"),
        ("1..2\nok 1\nok 1\n", "test point 1 twice"),
        ("1..2\nok 1\nBail out! no database\nok 2\n", "bailed out: no database"),
        ("1..1\n# Subtest: g\n    ok 1 - a\n    1..2\nok 1 - g\n", "promised 2 test points below `g`, 1 came"),
    ],
)
def test_tap_that_breaks_its_plan_is_told(text: str, trouble: str) -> None:
    assert trouble in "\n".join(of_tap(text).troubles)


def test_diagnostics_that_never_end_swallow_no_test_point() -> None:
    assert outcomes(of_tap("1..2\nnot ok 1 - a\n  ---\n  message: x\nok 2 - b\n")) == {"a": "failed", "b": "passed"}
    assert outcomes(of_tap("1..2\nok 1 - a\n---\nok 2 - b\n")) == {"a": "passed", "b": "passed"}


def test_directives_numbers_and_escapes_of_tap() -> None:
    said = of_tap(
        "1..7\nok\nok 2\nok 3 - \\# not a comment\nok 4 # skip: later\n"
        "not ok 5 - x # TODO y\nok - six\nok 7 2nd try # fine\n"
    )
    assert outcomes(said) == {
        "test 1": "passed", "test 2": "passed", "# not a comment": "passed", "test 4": "skipped", "x": "skipped",
        "six": "passed", "2nd try # fine": "passed",
    }  # fmt: skip
    assert said.troubles == []


def test_plan_of_nothing_is_one_skipped_case() -> None:
    (attempt,) = of_tap("1..0 # SKIP no database here").attempts
    assert (attempt.outcome, attempt.message) == ("skipped", "no database here")


def test_lines_of_other_programs_are_no_test_points() -> None:
    assert outcomes(of_tap("1..1\nokay then\nok2\nnot okay\nok 1 - a\nnothing ok 2\n")) == {"a": "passed"}


def test_surefire_retries_are_attempts() -> None:
    said = of_junit(
        '<testsuite><testcase classname="A" name="x" time="0.1">'
        '<flakyFailure message="once">t</flakyFailure></testcase>'
        '<testcase classname="A" name="y"><failure message="1"/><rerunFailure message="2"/></testcase></testsuite>'
    )
    assert [(one.case, one.attempt, one.outcome, one.message) for one in said.attempts] == [
        ("A.x", 1, "failed", "once\nt"),
        ("A.x", 2, "passed", ""),
        ("A.y", 1, "failed", "1"),
        ("A.y", 2, "failed", "2"),
    ]


def test_junit_that_breaks_off_keeps_the_cases_before_and_makes_an_error_of_the_one_within() -> None:
    said = of_junit('<testsuite><testcase name="a"/><testcase name="b"/><testcase name="c"><fail')
    assert outcomes(said) == {"a": "passed", "b": "passed", "c": "error"}
    assert "not whole JUnit XML" in said.troubles[0]


def test_worse_of_two_endings_counts() -> None:
    said = of_junit('<testsuite><testcase name="a"><skipped/><error message="e"/><failure/></testcase></testsuite>')
    assert outcomes(said) == {"a": "error"}


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><testsuite>&b;</testsuite>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd"><testsuite><testcase name="a"/></testsuite>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><testsuite><testcase name="&e;"/></testsuite>',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_document_type_is_refused_in_any_encoding(text: str, encoding: str) -> None:
    said = of_junit(text.encode(encoding))
    assert said.attempts == []
    assert "declares a document type" in said.troubles[0]


def test_junit_in_another_encoding_and_with_a_namespace_is_read() -> None:
    text = '<?xml version="1.0" encoding="utf-16"?><j:testsuite xmlns:j="u"><j:testcase name="grün"/></j:testsuite>'
    assert outcomes(of_junit(text.encode("utf-16"))) == {"grün": "passed"}


def test_what_else_is_xml_is_told() -> None:
    assert "begins with <html>" in of_junit("<html/>").troubles[0]


def test_text_of_a_failure_is_bounded_however_much_there_is() -> None:
    said = of_junit(f'<testsuite><testcase name="a"><failure>{"x" * 100_000}</failure></testcase></testsuite>')
    assert len(said.attempts[0].message) == attempts.MAX_TEXT


def test_two_long_names_stay_two() -> None:
    names = {attempts.name("x" * 300 + end) for end in "ab"} | {attempts.name(f"{mark}case") for mark in "\x00\x1b"}
    assert len(names) == 4
    assert all(len(name) <= attempts.MAX_NAME for name in names)


def test_files_of_all_formats_are_read_together(tmp_path: Path) -> None:
    from sandbox_suite.regression import reading

    (tmp_path / "s.jsonl").write_text('{"case": "a", "outcome": "passed"}\n')
    (tmp_path / "s.xml").write_text('<testsuite><testcase name="b"/></testsuite>')
    (tmp_path / "s.f1.xml").write_text('<testsuite><testcase name="c"/></testsuite>')
    (tmp_path / "s.f2.tap").write_text("1..1\nok 1 - d\n")
    (tmp_path / "s2.tap").write_text("1..1\nok 1 - of another suite\n")
    found, troubles = reading.attempts(tmp_path, "s")
    assert sorted(attempt.case for attempt in found) == ["a", "b", "c", "d"]
    assert troubles == []


def test_line_ends_without_end_are_bounded() -> None:
    said = json_lines.read(b"\n" * (json_lines.MAX_LINES + 5) + b'{"case": "a", "outcome": "passed"}', "s.jsonl", "s")
    assert "lines: the rest was not read" in said.troubles[0]
