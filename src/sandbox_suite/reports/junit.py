"""JUnit XML of a report: what CI systems read. It keeps to the schema that Jenkins checks such files against.

A flaky case counts as passed, and carries `flakyFailure`, as Surefire writes it. Verification's checks are a suite.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

TAGS = {"failed": "failure", "error": "error", "skipped": "skipped"}
MESSAGE = 300  # characters of an attribute; the whole text stands inside


def xml(content: Mapping[str, Any]) -> bytes:
    """Return the document made of what report.json holds: a suite per suite, and one of verification's checks."""
    suites: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for case in content["cases"]:
        suites[case["suite"]].append(case)
    suites["verification"] += [_as_case(check) for check in content["checks"]]
    counted = _counts([case for cases in suites.values() for case in cases])
    counted.pop("skipped")  # the schema knows it of a suite only
    root = ElementTree.Element("testsuites", {"name": f"{content['plan']['name']} {content['job']}", **counted})
    for name, cases in suites.items():
        if cases:
            _add_suite(root, name, cases, content)
    ElementTree.indent(root)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, "unicode").encode()


def _add_suite(
    root: ElementTree.Element, name: str, cases: list[Mapping[str, Any]], content: Mapping[str, Any]
) -> None:
    about = {"name": name, **_counts(cases), "timestamp": content["created_at"].removesuffix("Z")}
    suite = ElementTree.SubElement(root, "testsuite", about)
    properties = ElementTree.SubElement(suite, "properties")
    for key, value in _properties(content).items():
        ElementTree.SubElement(properties, "property", {"name": key, "value": value})
    for case in cases:
        _add(suite, case)


def _properties(content: Mapping[str, Any]) -> dict[str, str]:
    plugin, dataset = content["plugin"], content["dataset"]
    return {
        "job": content["job"],
        "plugin": f"{plugin['id']}@{plugin['version']}",
        "dataset": f"{dataset['name']}@{dataset['version']}",
        "verdict": content["verdict"],
    }


def _add(suite: ElementTree.Element, case: Mapping[str, Any]) -> None:
    attributes = {"classname": case["suite"], "name": case["name"], "time": f"{case['seconds']:.6f}"}
    element = ElementTree.SubElement(suite, "testcase", attributes)
    tag = "flakyFailure" if case["flaky"] else TAGS.get(case["outcome"])
    if tag:
        said = case["message"] or (f"passed on attempt {case['attempts']}" if case["flaky"] else "")
        first = (said.splitlines() or [""])[0][:MESSAGE]
        result = ElementTree.SubElement(element, tag, {"type": case["outcome"], "message": first})
        result.text = "\n\n".join(filter(None, (said, case["request"], case["response"], "\n".join(case["log"]))))


def _counts(cases: list[Mapping[str, Any]]) -> dict[str, str]:
    of = [case["outcome"] for case in cases]
    return {
        "tests": str(len(cases)), "failures": str(of.count("failed")), "errors": str(of.count("error")),
        "skipped": str(of.count("skipped")), "time": f"{sum(case['seconds'] for case in cases):.6f}",
    }  # fmt: skip


def _as_case(check: Mapping[str, Any]) -> dict[str, Any]:
    return {**check, "suite": "verification", "flaky": False, "request": "", "response": "", "log": [], "attempts": 1}
