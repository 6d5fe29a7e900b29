"""Plans and suites: the shipped ones hold, and a broken file gets every mistake at once, with its line."""

from pathlib import Path

import pytest

from sandbox_suite.core.errors import RequestError
from sandbox_suite.regression import plans, suites

BROKEN = """\
plans:
  smoke:
    description: x
    plugin: no-version
    dataset: customer-sample
    policy: config/masking/customers-qa.yaml
    grants: {customers: [delete]}
    suites: []
    critical: [no-slash]
    thresholds: {pass_rate: 1.5, api_p95_ms: .nan}
    deadline: 10
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "data_suite.yaml"
    path.write_text(text)
    return path


def test_shipped_plans_name_suites_that_declare_fifty_cases_in_three_languages() -> None:
    shipped = plans.load(plans.DEFAULT_FILE)
    for name in ("smoke", "smoke-node"):
        found = suites.of_plan(shipped.get(name))
        assert {suite.manifest.language for suite in found} == {"python", "node", "bash"}
        assert sum(len(suite.manifest.cases) for suite in found) == 50


def test_broken_file_gets_every_mistake_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(RequestError) as caught:
        plans.load(written(tmp_path, BROKEN))
    said = caught.value.explanation.what
    for place in (
        "yaml:4: plans.smoke.plugin",
        "yaml:5: plans.smoke.dataset",
        "yaml:7: plans.smoke.grants.customers.0",
        "yaml:8: plans.smoke.suites",
        "yaml:9: plans.smoke.critical.0",
        "yaml:10: plans.smoke.thresholds.pass_rate",
        "yaml:10: plans.smoke.thresholds.api_p95_ms",
        "yaml:11: plans.smoke.deadline",
    ):
        assert place in said


def test_unknown_plan_names_the_known_ones() -> None:
    with pytest.raises(RequestError, match="unknown plan `smock`") as caught:
        plans.load(plans.DEFAULT_FILE).get("smock")
    assert "smoke, smoke-node" in caught.value.explanation.remedy


def test_variable_replaces_the_shipped_file(tmp_path: Path) -> None:
    assert plans.config_file({plans.VARIABLE: str(tmp_path)}) == tmp_path
    assert plans.config_file({}) == plans.DEFAULT_FILE


def test_overrides_replace_thresholds() -> None:
    plan = plans.load(plans.DEFAULT_FILE).get("smoke")
    asked = plans.thresholds(plan, ["pass_rate=0.5", " api_p95_ms = 40 "]).asked()
    assert asked == {"pass_rate": 0.5, "critical_coverage": 0.95, "api_p95_ms": 40.0}


def test_every_bad_override_is_named_at_once() -> None:
    plan = plans.load(plans.DEFAULT_FILE).get("smoke")
    bad = ["pass_rate=high", "speed=1", "pass_rate=1.1", "api_p95_ms=nan", "api_p99_ms=0", "pass_rate"]
    with pytest.raises(RequestError) as caught:
        plans.thresholds(plan, bad)
    assert len(caught.value.explanation.what.splitlines()) == len(bad)


def test_critical_case_that_no_suite_declares_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "suite.yaml").write_text("{name: one, language: bash, run: [bash, run.sh], cases: [a]}")
    text = (
        "plans: {p: {description: x, plugin: a@1, dataset: d@1, policy: p, suites: [one], critical: [one/a, one/aa]}}"
    )
    plan = plans.load(written(tmp_path, text)).get("p")
    with pytest.raises(RequestError, match="critical case `one/aa` is declared by no suite"):
        suites.of_plan(plan, tmp_path)


def test_mistakes_of_all_suites_come_at_once(tmp_path: Path) -> None:
    for name, text in (("one", "{language: perl}"), ("two", "{name: two, language: bash, run: []}")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "suite.yaml").write_text(text)
    text = "plans: {p: {description: x, plugin: a@1, dataset: d@1, policy: p, suites: [one, two, three]}}"
    plan = plans.load(written(tmp_path, text)).get("p")
    with pytest.raises(RequestError) as caught:
        suites.of_plan(plan, tmp_path)
    assert all(part in caught.value.explanation.what for part in ("one/", "language", "two/", "run", "three/"))
