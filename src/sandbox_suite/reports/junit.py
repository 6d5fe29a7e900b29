"""JUnit XML of a report: what CI systems read. A flaky case has its `flaky` property and counts as passed."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

TAGS = {"failed": "failure", "error": "error", "skipped": "skipped"}


def xml(content: Mapping[str, Any]) -> bytes:
    """Return the document made of what report.json holds: a suite per suite, and one of verification's checks."""
    suites: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for case in content["cases"]:
        suites[case["suite"]].append(case)
    suites["verification"] += [_as_case(check) for check in content["checks"]]
    root = ElementTree.Element("testsuites", _counts([case for cases in suites.values() for case in cases]))
    root.set("name", f"{content['plan']['name']} {content['job']}")
    for name, cases in suites.items():
        if cases:
            suite = ElementTree.SubElement(root, "testsuite", {"name": name, **_counts(cases)})
            for case in cases:
                _add(suite, case)
    ElementTree.indent(root)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, "unicode").encode()


def _add(suite: ElementTree.Element, case: Mapping[str, Any]) -> None:
    attributes = {"classname": case["suite"], "name": case["name"], "time": f"{case['seconds']:.6f}"}
    element = ElementTree.SubElement(suite, "testcase", attributes)
    if case["flaky"]:
        properties = ElementTree.SubElement(element, "properties")
        ElementTree.SubElement(properties, "property", {"name": "flaky", "value": f"{case['attempts']} attempts"})
    tag = TAGS.get(case["outcome"])
    if tag:
        said = case["message"]
        result = ElementTree.SubElement(element, tag, {"message": (said.splitlines() or [""])[0]})
        result.text = "\n\n".join(filter(None, (said, case["request"], case["response"], "\n".join(case["log"]))))


def _counts(cases: list[Mapping[str, Any]]) -> dict[str, str]:
    of = [case["outcome"] for case in cases]
    return {
        "tests": str(len(cases)), "failures": str(of.count("failed")), "errors": str(of.count("error")),
        "skipped": str(of.count("skipped")), "time": f"{sum(case['seconds'] for case in cases):.6f}",
    }  # fmt: skip


def _as_case(check: Mapping[str, Any]) -> dict[str, Any]:
    return {**check, "suite": "verification", "flaky": False, "request": "", "response": "", "log": [], "attempts": 1}
