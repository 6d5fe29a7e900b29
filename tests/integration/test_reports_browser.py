"""The report in a real browser: without a script, in both colour schemes, on paper, in a narrow window, by keyboard."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sandbox_suite.core.files import write_json
from sandbox_suite.jobs.against import Found
from sandbox_suite.regression.performance import paired
from sandbox_suite.regression.performance.baseline import Accepted, Baseline, Run
from sandbox_suite.reports import history, trend_page
from tests.integration.reports_browser import Page, browser, found
from tests.unit import reports_job
from tests.unit.reports_job import line
from tests.unit.test_reports_hostile import TEXTS

pytestmark = pytest.mark.skipif(found() is None, reason="no Chromium on this machine")

# Every text that shows: its contrast against the nearest ground, as WCAG 2 reckons it. Large text may do with 3.
CONTRAST = """(() => {
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => [r, g, b].map(v => linear(v / 255))
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = element => {
    for (; element; element = element.parentElement) {
      const c = parts(getComputedStyle(element).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return matchMedia('(prefers-color-scheme: dark)').matches ? [0, 0, 0] : [255, 255, 255];
  };
  const weak = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement;
    if (!node.data.trim() || element.closest('title')) continue;
    if (!element.checkVisibility({contentVisibilityAuto: true})) continue;
    const style = getComputedStyle(element);
    const text = parts(element.closest('svg') ? style.fill : style.color);
    const [high, low] = [light(text), light(ground(element))].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize), bold = style.fontWeight >= 700;
    seen += 1;
    if ((high + 0.05) / (low + 0.05) < (size >= 24 || (bold && size >= 18.7) ? 3 : 4.5))
      weak.push(`${node.data.trim().slice(0, 40)}: ${text} on ${ground(element)}`);
  }
  return {seen, weak};
})()"""
FOCUSED = """(() => {
  const e = document.activeElement, s = getComputedStyle(e);
  const outline = s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0;
  return {tag: e.tagName, href: e.getAttribute('href'), outline};
})()"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser(found() or "") as opened:
        yield opened


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with all its sections: failures, among them hostile ones, a flaky case, a baseline."""
    home = tmp_path_factory.mktemp("home")
    results: list[dict[str, Any]] = [line(f"passes-{at}") for at in range(30)]
    results += [line(text[:190] or "x", "failed", message=text, request=text, response=text) for text in TEXTS]
    results += [line("shaky", "failed", attempt=1), line("shaky", attempt=2), line("left", "skipped", message="later")]
    folder = reports_job.make(home, results, critical=["api/passes-1", "api/shaky"])
    cases = {f"api/passes-{at}": 4.0 for at in range(30)}
    runs = tuple(Run(f"j{at}", "2026-01-01T00:00:00Z", cases, {"api_p95_ms": 9.0}) for at in range(6))
    accepted = Accepted("j5", "tester", "2026-01-01T00:00:00Z", "<b>quiet</b> machine")
    held = Baseline("smoke", "com.x", "1.1.0", "sha256:1", "d@1", "sha256:2", "machine", accepted, runs)
    write_json(folder / "baseline.json", held.as_dict())
    evidence = paired.compare([1.0] * 40, [1.3] * 40)
    found = Found(reports_job.JOB, "com.x@2", "j5", "com.x@1", "2026-01-01T00:00:00Z", 3, evidence, ())
    write_json(folder / "against.json", found.as_dict())
    return Path(reports_job.run(home)["report"]["html"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_contrast_and_nothing_is_asked_for(page: Page, report: Path, scheme: str) -> None:
    page.errors.clear()
    page.open(report, scheme=scheme)
    page.value("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.value("document.querySelectorAll('#performance svg').length") == 2
    told = page.value(CONTRAST)
    assert told["seen"] > 300
    assert told["weak"] == []
    assert page.errors == []
    assert page.value("document.scripts.length") == 0
    dark = page.value("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"
    assert dark == (scheme == "dark")


@pytest.mark.parametrize("width", [320, 700, 1600])
def test_the_page_is_never_wider_than_the_window(page: Page, report: Path, width: int) -> None:
    page.open(report, width=width)
    page.value("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.value("document.documentElement.scrollWidth") <= width


def test_the_keyboard_reaches_everything_and_shows_where_it_is(page: Page, report: Path) -> None:
    page.open(report)
    steps = []
    for _ in range(40):
        page.press("Tab", 9)
        steps.append(page.value(FOCUSED))
    assert steps[0]["href"] == "#summary", "the first stop skips to the summary"
    assert all(step["outline"] for step in steps)
    assert {"A", "SUMMARY", "INPUT", "DIV"} <= {step["tag"] for step in steps}


def test_a_filter_shows_problems_or_critical_cases_without_a_script(page: Page, report: Path) -> None:
    page.open(report)
    rows = "[...document.querySelectorAll('#cases tbody tr')].filter(row => row.checkVisibility()).length"
    everything = page.value(rows)
    page.value("document.getElementById('only-problems').click()")
    problems = page.value(rows)
    page.value("document.getElementById('only-critical').click()")
    assert (everything, problems, page.value(rows)) == (30 + len(TEXTS) + 2, len(TEXTS) + 2, 2)


def test_screen_readers_find_landmarks_names_and_headings_in_order(page: Page, report: Path) -> None:
    page.open(report)
    nodes = [node for node in page("Accessibility.getFullAXTree")["nodes"] if not node.get("ignored")]
    roles = [node["role"]["value"] for node in nodes]
    for role in ("main", "banner", "navigation", "contentinfo", "table", "columnheader", "rowheader"):
        assert role in roles, role
    for node in nodes:
        if node["role"]["value"] in ("region", "image", "radio", "link", "heading", "navigation"):
            assert node["name"]["value"].strip(), node
    levels = [
        int(prop["value"]["value"])
        for node in nodes
        if node["role"]["value"] == "heading"
        for prop in node["properties"]
        if prop["name"] == "level"
    ]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_paper_has_what_was_folded_and_no_controls(page: Page, report: Path) -> None:
    page.open(report, media="print")
    shown = "[...document.querySelectorAll('nav, .filter')].filter(one => one.checkVisibility()).length"
    assert page.value(shown) == 0
    heights = page.value(
        "[...document.querySelectorAll('details > div')].map(one => one.getBoundingClientRect().height)"
    )
    assert heights
    assert all(height > 0 for height in heights)
    assert page.printed().startswith(b"%PDF")


def test_nothing_of_what_scripts_said_runs(page: Page, report: Path) -> None:
    page.open(report)
    assert (
        page.value("document.images.length + document.querySelectorAll('pre *:not(em), .says *:not(em)').length") == 0
    )
    assert page.value("document.title").endswith(f": smoke · {reports_job.JOB}")


def test_the_trend_is_readable_too(page: Page, report: Path, tmp_path: Path) -> None:
    for name in ("j1", "j2"):
        reports_job.make(tmp_path, [line("shaky", "failed" if name == "j1" else "passed")], name)
        reports_job.run(tmp_path, name)
    file = tmp_path / "trend.html"
    file.write_text(trend_page.html(history.trend(tmp_path, "smoke", 5)))
    for scheme in ("light", "dark"):
        page.errors.clear()
        page.open(file, width=320, scheme=scheme)
        assert page.value(CONTRAST)["weak"] == []
        assert page.errors == []
    assert page.value("document.documentElement.scrollWidth") <= 320
    assert page.picture().startswith(b"\x89PNG")
