"""Rubbish in results: no crash, no hang, no lost case, whatever stands around the cases."""

import json
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox_suite.core.errors import RequestError
from sandbox_suite.regression import endings, plans, results, tables
from sandbox_suite.regression.formats import json_lines, junit, tap
from sandbox_suite.regression.formats.attempts import MAX_NAME, MAX_TEXT, OUTCOMES, Read
from sandbox_suite.regression.suites import Manifest, Suite

READERS = {"jsonl": json_lines.read, "xml": junit.read, "tap": tap.read}
quick = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# The words of each format, so that rubbish comes near to what is read.
TAP_WORDS = (
    b"ok|not ok|ok 1 - a|not ok 2|1..2|1..99999999999|# Subtest: x|    |\t|---|...|  ---|Bail out!|# SKIP|# TODO"
    b"|TAP version 14|pragma +strict|duration_ms: 1e999|\r\n|\n"
)
OTHER_WORDS = (
    b'{"case": "a", "outcome": "passed"}|{"case": |"outcome": "failed"|NaN|1e400|null|-1|\xff\xfe|\x00|\xed\xa0\x80'
    b"|<testsuite>|</testsuite>|<testcase name='a'>|</testcase>|<testcase name='b'/>|<failure>|</failure>|<skipped/>"
    b"|<error message='x'/>|<!DOCTYPE x>|&a;|<![CDATA[|]]>|<?xml version='1.0' encoding='utf-7'?>"
    b"|<x:testcase xmlns:x='u'/>"
)
WORDS = [*TAP_WORDS.split(b"|"), *OTHER_WORDS.split(b"|"), "\u202e".encode(), b"[" * 400, b"9" * 5000]
rubbish = st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=40)), max_size=40).map(b"".join)
names = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=40
).filter(
    lambda text: (
        text.strip() == text and text.isprintable() and "#" not in text and "\\" not in text and max(text) < "\ufffe"
    )
)


def is_sound(said: Read) -> None:
    """Hold what holds of anything read, whatever it was read from."""
    for attempt in said.attempts:
        assert attempt.case
        assert len(attempt.case) <= MAX_NAME
        assert attempt.outcome in OUTCOMES
        assert 0 <= attempt.seconds < float("inf")
        assert attempt.attempt >= 1
        assert len(attempt.message) <= MAX_TEXT
        assert "\x00" not in attempt.case + attempt.message
    assert all(isinstance(trouble, str) and trouble for trouble in said.troubles)


@pytest.mark.parametrize("kind", sorted(READERS))
@quick
@given(content=rubbish)
def test_rubbish_is_read_without_harm(kind: str, content: bytes) -> None:
    is_sound(READERS[kind](content, f"s.{kind}", "s"))


@pytest.mark.parametrize("kind", sorted(READERS))
@quick
@given(content=rubbish)
def test_rubbish_alone_never_makes_a_suite_that_passes_in_silence(kind: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / f"s.{kind}").write_bytes(content)
    (tmp_path / "s.rc").write_bytes(b"0")
    promised = Suite(Manifest(name="s", language="other", run=["x"], cases=["promised, and never reported"]), tmp_path)
    found = results.read(tmp_path, [promised])
    assert any(case.of_suite and case.outcome == "error" for case in found.cases)
    assert len({case.id for case in found.cases}) == len(found.cases)


@quick
@given(cases=st.lists(names, min_size=1, max_size=8, unique=True), around=st.lists(st.binary(max_size=30), max_size=9))
def test_no_json_line_is_lost_between_rubbish(cases: list[str], around: list[bytes]) -> None:
    lines = [json.dumps({"case": case, "outcome": "failed"}).encode() for case in cases]
    content = b"\n".join(part for pair in zip(lines, [*around, *[b"{"] * 9], strict=False) for part in pair)
    found = {attempt.case for attempt in json_lines.read(content, "s.jsonl", "s").attempts}
    assert {" ".join(case.split()) for case in cases} <= found


@quick
@given(
    cases=st.lists(names, min_size=1, max_size=8, unique=True),
    comments=st.lists(st.text("abc -:#.", max_size=20), max_size=9),
)
def test_no_test_point_is_lost_between_comments_and_diagnostics(cases: list[str], comments: list[str]) -> None:
    points = [f"not ok {number} - {case}" for number, case in enumerate(cases, 1)]
    between = [f"# {text}" for text in comments] + ["  ---\n  message: x"] * 9
    content = "\n".join([f"1..{len(cases)}", *(part for pair in zip(points, between, strict=False) for part in pair)])
    said = tap.read(content.encode(), "s.tap", "s")
    assert [attempt.case for attempt in said.attempts] == [" ".join(case.split()) for case in cases]
    assert said.troubles == []


@quick
@given(cases=st.lists(names, min_size=2, max_size=8, unique=True), share=st.floats(0, 1))
def test_no_whole_case_is_lost_where_xml_breaks_off(cases: list[str], share: float) -> None:
    parts = [f"<testcase name={quoteattr(case)}><failure/></testcase>".encode() for case in cases]
    whole = b"<testsuite>" + b"".join(parts)
    cut = len(b"<testsuite>") + int(share * (len(whole) - len(b"<testsuite>")))
    inside = [case for number, case in enumerate(cases) if len(b"<testsuite>" + b"".join(parts[: number + 1])) <= cut]
    said = junit.read(whole[:cut], "s.xml", "s")
    assert [attempt.case for attempt in said.attempts][: len(inside)] == [" ".join(case.split()) for case in inside]
    assert said.troubles
    assert "passed" not in {attempt.outcome for attempt in said.attempts}


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("xml", b"<testsuite>" * 200_000),
        ("xml", b"<testsuite>" + b'<testcase name="a"/>' * 30_000),
        ("xml", b"<testcase " + b'a="1" ' * 200_000),
        ("xml", b"<testsuite><testcase><failure>" + b"x" * (4 << 20)),
        ("xml", b"<testsuite>" + b"<testcase>" * 50_000),
        ("tap", b" " * (4 << 20)),
        ("tap", b"".join(b" " * (4 * depth) + b"ok\n" for depth in range(2000))),
        ("tap", b"# Subtest: x\n" * 100_000),
        ("tap", b"not ok 1\n  ---\n" + b"  x\n" * 300_000),
        ("tap", b"ok " + b"# " * 500_000),
        ("tap", b"ok # skip" * 100_000),
        ("jsonl", b"[" * (4 << 20)),
        ("jsonl", b"{}\n" * 150_000),
        ("jsonl", b'{"case": "a", "outcome": "passed", "message": ' + b"[" * 900 + b"]" * 900 + b"}"),
    ],
)
def test_large_and_deep_rubbish_is_read_within_bounds(kind: str, content: bytes) -> None:
    said = READERS[kind](content, f"s.{kind}", "s")
    is_sound(said)
    assert sum(len(trouble) for trouble in said.troubles) < 20_000


FIELDS = ("how", "code", "seconds", "printed", "kept", "left_behind", "names", "unended", "left_out")
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)


def grown(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Return lists and mappings of what there is."""
    return st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6)


@quick
@given(said=st.recursive(leaves, grown, max_leaves=12))
def test_forged_ending_does_no_harm(said: object, tmp_path: Path) -> None:
    (tmp_path / "s.end").write_text(json.dumps(said))
    ending = endings.read(tmp_path, "s")
    assert all(isinstance(line, str) for line in endings.troubles(ending, False, ["x"]) + endings.notes(ending))


PARTS = (
    "requests:\n|  - |name: a\n|get: /x\n|expect:\n|    json: {$.a: 1}\n|{{x}}|&a |*a|<<: *a\n|[|]|{|}|? |\t|- |~|: "
    "|plans:\n|  p:\n|!!python/object:os.system |    suites: [a]\n|    plugin: a@1\n|    critical: [a/b]\n"
    "|2025-13-01|.nan|\x00|'|1e999"
)
yaml_parts = st.sampled_from(PARTS.split("|"))


@quick
@given(text=st.lists(yaml_parts | st.text(max_size=6), max_size=25).map("".join))
def test_tables_plans_and_manifests_of_rubbish_are_refused_with_findings(text: str, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes(text.encode(errors="replace"))
    found, cases = tables.look(file)
    assert found or cases
    try:
        whole = plans.load(file).plans != {}
    except RequestError as refused:
        whole = refused.explanation.what != ""
    assert whole
