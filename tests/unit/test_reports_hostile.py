"""Hostile content is shown as text, safely and within bounds, in every file of a report."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml

from sandbox_suite.core.files import read_json
from sandbox_suite.reports import charts_resources, page
from sandbox_suite.reports.markdown import code
from tests.unit import reports_job
from tests.unit.reports_job import line
from tests.unit.test_reports_rendering import Outline

MARKUP = "</title></style></pre><script>alert(1)</script><img src=x onerror=y> {{ 7*7 }} {% raw %} &lt; ]]> <!--"
MARKDOWN = "| `` [x](https://evil.example) ![i](https://evil.example/i.png) @everyone <b>bold</b> \n# head"
CONTROL = (
    "".join(map(chr, range(32))) + "\x7f\x1b[31m\x1b]8;;https://evil.example\x07 \u202eevil\u202c \u2066 \ufeff \ufffe"
)
TEXTS = (MARKUP, MARKDOWN, CONTROL, "\ud800 half", "客户 " * 20, "a" * 300, " ", "..", "'\"&")


@pytest.fixture
def made(tmp_path: Path) -> dict[str, Path]:
    """The files of a report in which everything that a script or a plugin says is hostile."""
    results = [
        line(text[:190] or "x", "failed", message=text, request=text, response=text, tags=[text] * 30) for text in TEXTS
    ]
    folder = reports_job.make(tmp_path, results, description=MARKUP)
    (folder / "artifacts" / "results" / "api.log").write_bytes(b"\xff\xfe\x00 " + MARKUP.encode() + b"\x1b[0m\n")
    (folder / "artifacts" / "results" / "api.jsonl").open("ab").write(b'{"case": "\xff\xfe", "outcome": 1}\n\xc3\x28\n')
    (folder / "artifacts" / "metrics" / "plugin.json").write_text(json.dumps({"cpu_us": 1, "processes": MARKUP}))
    return {name: Path(path) for name, path in reports_job.run(tmp_path)["report"].items()}


def test_page_holds_no_element_of_theirs(made: dict[str, Path]) -> None:
    outline = Outline(made["html"].read_text())
    allowed = {"html", "head", "meta", "title", "style", "body", "a", "header", "p", "span", "h1", "h2", "h3", "time",
               "nav", "ul", "li", "main", "section", "dl", "div", "dt", "dd", "table", "thead", "tbody", "tr", "th",
               "td", "details", "summary", "pre", "svg", "rect", "line", "text", "path", "circle", "fieldset", "legend",
               "label", "input", "footer", "code", "em", "br"}  # fmt: skip
    assert {tag for tag, _ in outline.found} - {"title"} <= allowed
    assert not [
        name for _, attributes in outline.found for name in attributes if name.startswith("on") and name != "on"
    ]


def test_no_file_holds_characters_that_deceive_or_break_readers(made: dict[str, Path]) -> None:
    for name in ("html", "junit", "summary", "json"):
        text = made[name].read_text(encoding="utf-8")
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text), name
    JUnitXml.fromfile(str(made["junit"]))


def test_markdown_of_theirs_stays_inside_code_spans(made: dict[str, Path]) -> None:
    outside = re.sub(r"(`+)(?!`)(.*?)(?<!`)\1(?!`)", "", made["summary"].read_text())
    for part in ("evil.example", "@everyone", "<b>", "<script", "<img"):
        assert part not in outside


@pytest.mark.parametrize("text", ["`", "``` a", "a`b``c", "|", "a\nb", "  x  ", "x" * 1000, "\\"])
def test_a_code_span_ends_where_it_should(text: str) -> None:
    span = code(text)
    fence = re.match("`+", span)
    assert fence
    assert "\n" not in span
    inner = span[len(fence.group()) : -len(fence.group())]
    assert fence.group() not in re.findall("`+", inner)
    assert not re.search(r"(?<!\\)\|", span)
    assert len(span) < 300


def test_nothing_said_is_an_empty_span() -> None:
    assert code(" \n ") == ""


def test_a_message_of_a_megabyte_and_a_thousand_failures_stay_within_the_page(tmp_path: Path) -> None:
    results = [line("large", "failed", message="<" * 1_000_000, request='"' * 1_000_000)]
    results += [
        line(f"case-{at}", "failed", message="<" * 3_000, request='"' * 4_000, response='{"a": "b"}' * 400)
        for at in range(999)
    ]
    reports_job.make(tmp_path, results)
    made = reports_job.run(tmp_path)
    text = Path(made["report"]["html"]).read_text()
    assert len(text.encode()) <= 1_500_000
    assert re.search(r"The worst \d+ of 1,000 cases stand here in full", text)
    assert text.count("<tr") >= 1_000, "every failure has its row at least"
    assert Path(made["report"]["summary"]).stat().st_size < 60_000
    assert Path(made["report"]["failure"]).stat().st_size < 21 << 20


def test_twenty_thousand_cases_fit_and_what_is_left_out_is_said() -> None:
    cases = [reports_job_case(at) for at in range(20_000)]
    rows = page._rows(cases)
    assert len(rows) < 20_000
    assert {case["id"] for case in cases if case["outcome"] == "failed" or case["critical"]} <= {r["id"] for r in rows}
    assert [row["number"] for row in rows] == sorted(row["number"] for row in rows)


def reports_job_case(at: int) -> dict[str, Any]:
    outcome = "failed" if at % 1000 == 999 else "passed"
    return {"id": f"s/{at}", "name": f"case {at}", "suite": "s", "outcome": outcome, "critical": at % 777 == 0,
            "number": at, "flaky": False}  # fmt: skip


def test_extreme_figures_have_a_place_in_the_charts(tmp_path: Path) -> None:
    reports_job.make(
        tmp_path, [line("slow", seconds=80_000), line("quick", seconds=0), line("s" * 500, suite="s" * 60)]
    )
    made = reports_job.run(tmp_path)
    text = Path(made["report"]["html"]).read_text()
    assert not re.search(r'(?:x|cx|x1|width|d)="[^"]*(?:nan|inf)', text, re.I)
    nothing = {"part": "plugin", "cpu_seconds": 0, "memory_peak_bytes": 0, "memory_limit_bytes": None, "samples": []}
    assert charts_resources.cpu([nothing], None)
    assert charts_resources.memory([nothing], {"resources": {"plugin": {"memory_peak_bytes": 0}}})
    assert read_json(Path(made["report"]["json"]))["latency"]["cases"] == 3
