"""Reports: one value, three files that agree, nothing secret in them, nothing that a script said taken for markup."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from junitparser import JUnitXml

from sandbox_suite.core.files import read_json
from sandbox_suite.core.redaction import Redactor
from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.regression.plans import Plan, Thresholds
from sandbox_suite.regression.results import Case, Results
from sandbox_suite.regression.verdict import judge
from sandbox_suite.reports import charts, checklist, rendering, wording
from sandbox_suite.reports.facts import Baseline, Fact, Place, Resource, Sample, Statement, Step, SuiteRun, Task
from sandbox_suite.reports.model import Audit, Dataset, Evidence, Plugin, Proof, Report
from sandbox_suite.verification import model as verification
from sandbox_suite.verification.model import Check

DIGEST = "sha256:" + "3f" * 32
SCHEMA = read_json(CHECKOUT / "src" / "sandbox_suite" / "reports" / "schema" / "report-1.json")
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=y>&"
CASES = (
    Case("api", "good", "passed", seconds=0.004),
    Case("api", "flaky", "passed", flaky=True, attempts=2, seconds=0.006),
    Case(HOSTILE, HOSTILE, "failed", seconds=0.1, message=HOSTILE, request=HOSTILE, response=HOSTILE, log=(HOSTILE,)),
    Case("api", "broken", "error", message="boom"),
    Case("api", "left-out", "skipped", message="the deadline had passed"),
)

EVIDENCE = Evidence(
    suites=(SuiteRun("api", 1, 0.5),),
    places={"api/good": Place(1, 4, 0.0)},
    plugin_logs={f"{HOSTILE}/{HOSTILE}": [HOSTILE]},
    resources=(
        Resource("plugin", 0.8, 42 << 20, 45 << 20, 512 << 20, 5, (Sample(0, 0.5, 1 << 20), Sample(1, 0.7, 2 << 20))),
        Resource("runner"),
    ),
    statements=(Statement("desk", HOSTILE, 1, 2, 3.0, 3.0, 3.0),),
    inventory=(Fact("plugin", "restarts", "0", "1"), Fact("plugin", "image", HOSTILE, None)),
    baseline=Baseline("1.1.0", {"p95_ms": 5.0}, {"plugin": {"cpu_seconds": 0.7}}),
)


def report(cases: tuple[Case, ...] = CASES, **changes: Any) -> Report:
    plan = Plan(
        name="smoke",
        description="fifty checks",
        plugin="a@1",
        dataset="d@1",
        policy="p",
        suites=["s"],
        critical=["api/good"],
    )
    checks = [
        Check("answers", "S-15", "passed", 0.01),
        Check("no way out", "S-02", "failed", 0.01, "a route\nexists"),
        Check("fork fails", "S-14", "skipped", 0.0, "needs fork"),
    ]
    verified, thresholds = verification.of(checks), Thresholds(api_p95_ms=40)
    made = Report(
        "j8f3k2m9q0abc4",
        "acme",
        "2026-11-24T13:05:12.123Z",
        plan,
        Plugin("com.example.desk", "1.2.0", DIGEST, "qa"),
        Dataset("customer-sample", "2025-01", DIGEST, True, (Proof("orders", DIGEST, "sha256:" + "0" * 64),)),
        Results(cases),
        judge(Results(cases), plan, thresholds, True, verified),
        thresholds,
        verified,
        [
            Step("admit", "ok", 0.1, 0.0),
            Step("provision", "ok", 0.9, records=(2, 5), tasks=(Task("Pull", "plugin", 0.2),)),
        ],
        Audit("audit.jsonl", 12, DIGEST, True),
        {"Versions": {"docker": "20.10", "<b>": None}},
        evidence=EVIDENCE,
        checklist=checklist.rows(checklist.of_verification(verified)),
    )
    return replace(made, **changes)


@pytest.fixture
def page(tmp_path: Path) -> str:
    return rendering.render(report(), tmp_path)["html"].read_text()


class Outline(HTMLParser):
    """Collects elements, and fails on ends that do not match."""

    VOID = frozenset({"meta", "input", "br", "img", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.found if name == tag)


def test_three_files_agree(tmp_path: Path) -> None:
    paths = rendering.render(report(), tmp_path)
    content = read_json(paths["json"])
    jsonschema.validate(content, SCHEMA)
    assert content["counts"] == {"passed": 1, "flaky": 1, "failed": 1, "error": 1, "skipped": 1}
    junit = JUnitXml.fromfile(str(paths["junit"]))
    assert (junit.tests, junit.failures, junit.errors, junit.skipped) == (8, 2, 1, 2)
    assert "1 failed, 1 error, 1 skipped, 1 flaky" in paths["html"].read_text()


def test_empty_report_renders_too(tmp_path: Path) -> None:
    empty = report((), verification=None, steps=[], environment={}, evidence=Evidence())
    paths = rendering.render(empty, tmp_path)
    jsonschema.validate(read_json(paths["json"]), SCHEMA)
    Outline(paths["html"].read_text())


def test_junit_keeps_to_the_schema_that_jenkins_checks(tmp_path: Path) -> None:
    """The rules of Jenkins' junit-10.xsd that a writer could break."""
    root = ElementTree.parse(rendering.render(report(), tmp_path)["junit"]).getroot()
    inside = {
        "testsuites": {"testsuite"},
        "testsuite": {"properties", "testcase"},
        "properties": {"property"},
        "testcase": {"skipped", "error", "failure", "flakyFailure"},
    }
    attributes = {
        "testsuites": {"name", "time", "tests", "failures", "errors"},
        "testsuite": {"name", "tests", "failures", "errors", "time", "skipped", "timestamp"},
        "testcase": {"name", "time", "classname"},
        "property": {"name", "value"},
        **{name: {"type", "message"} for name in ("skipped", "error", "failure", "flakyFailure")},
    }
    for element in root.iter():
        assert {child.tag for child in element} <= inside.get(element.tag, set())
        assert set(element.keys()) <= attributes.get(element.tag, set())
        if element.tag in ("testsuites", "testsuite"):
            assert re.fullmatch(r"\d+\.\d*", element.attrib["time"])
    flaky = [case.attrib["name"] for case in root.iter("testcase") if case.find("flakyFailure") is not None]
    assert flaky == ["flaky"]


def test_what_scripts_said_stays_text(page: str) -> None:
    outline = Outline(page)
    assert not list(outline.all("script"))
    assert not list(outline.all("img"))
    assert "alert(1)" in page


def test_page_needs_nothing_from_outside(page: str) -> None:
    outline = Outline(page)
    assert not [tag for tag, at in outline.found if tag in ("link", "script", "iframe", "object") or "src" in at]
    assert all((link["href"] or "").startswith(("#", "../logs/", "../audit.jsonl")) for link in outline.all("a"))
    assert not re.search(r"url\(|@import", page)
    assert "default-src 'none'" in page


def test_page_has_landmarks_headings_and_named_charts(page: str) -> None:
    outline = Outline(page)
    tags = [tag for tag, _ in outline.found]
    assert all(tags.count(tag) == 1 for tag in ("header", "nav", "main", "footer", "h1"))
    ids = {attributes.get("id") for _, attributes in outline.found}
    within = [link["href"] or "" for link in outline.all("a") if (link["href"] or "").startswith("#")]
    assert within
    assert all(link[1:] in ids for link in within)
    regions = [
        at.get("aria-label") or at.get("aria-labelledby") for _, at in outline.found if at.get("role") == "region"
    ]
    regions += [section["aria-labelledby"] for section in outline.all("section")]
    assert len(regions) == len(set(regions))
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels)), "a heading skips a level"
    assert all(section["aria-labelledby"] in ids for section in outline.all("section"))
    for picture in outline.all("svg"):
        assert picture.get("aria-hidden") or (picture["role"] == "img" and picture["aria-label"])
    assert all("scope" in cell for cell in outline.all("th"))


def test_every_outcome_is_a_word_beside_its_colour(page: str) -> None:
    for word in ("passed", "flaky", "failed", "error", "skipped", "proved", "not applicable", "not checked", "differs"):
        assert re.search(rf'aria-hidden="true">[^<]+</span> {word}</span>', page), word


def test_secrets_are_in_no_file(tmp_path: Path) -> None:
    known = "".join(["hunter", "two", "22"])
    shaped = "postgres://role:" + "pa55" + "@database/sandbox"
    leaking = Case("api", "leak", "failed", message=f"saw {known}", request=shaped, log=(f"pass {known}",))
    for path in rendering.render(report((leaking,), reason=known), tmp_path, Redactor([known])).values():
        text = path.read_text()
        assert known not in text
        assert "pa55" not in text
        assert "[redacted]" in text


def test_characters_that_xml_cannot_hold_do_not_break_the_report(tmp_path: Path) -> None:
    odd = Case("api", "odd", "failed", message="\x00\x08\ufffe\x1b[31m \u202e 客户")
    paths = rendering.render(report((odd,)), tmp_path)
    JUnitXml.fromfile(str(paths["junit"]))
    assert "客户" in paths["html"].read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(scheme: str) -> None:
    style = (CHECKOUT / "templates" / "report" / "style.css").read_text()
    blocks = re.findall(r":root \{([^}]*)\}", style)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", blocks[0 if scheme == "light" else 1]))
    pairs = [(text, ground) for text in ("text", "quiet", "link") for ground in ("page", "card", "faint")]
    pairs += [(name, ground) for name in ("good", "bad", "warn") for ground in ("page", "card", f"{name}-wash")]
    pairs += [("text", f"{name}-wash") for name in ("good", "bad", "warn")]
    for text, ground in pairs:
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for name in ("bar", "bad"):
        assert contrast(colours[name], colours["card"]) >= 3


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_share_just_below_all_is_not_shown_as_all() -> None:
    assert [wording.percent(share) for share in (1.0, 0.9996, 0.95, 0.0, None)] == [
        "100 %",
        "99.9 %",
        "95 %",
        "0 %",
        "–",
    ]


def test_timeline_lays_steps_without_a_start_behind_one_another() -> None:
    steps = [{"name": name, "outcome": "ok", "seconds": 1.0, "started": None} for name in ("a", "b")]
    first, second = charts.timeline(steps).bars
    assert (first.x, second.x) == (charts.LEFT, charts.LEFT + first.width)


@pytest.mark.parametrize("seconds", [[0.0], [1e-9, 5000.0], [0.01] * 3, [0.001, 0.0011]])
def test_every_case_has_its_place_in_the_chart(seconds: list[float]) -> None:
    cases = [{"suite": "s", "name": "n", "outcome": "passed", "seconds": value} for value in seconds]
    chart = charts.latency(cases, {"p50_ms": 10.0})
    assert chart
    assert len(chart.lanes[0].dots) == len(seconds)
    for dot in chart.lanes[0].dots:
        assert charts.LEFT <= dot.x <= charts.WIDTH - charts.RIGHT + 1
