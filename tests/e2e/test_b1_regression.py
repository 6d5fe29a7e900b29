"""Use case B-1: a normal regression, its thresholds and its audit log confirmed."""

import json
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from sandbox_suite.audit import log
from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.jobs.model import STEPS
from tests.e2e.conftest import Ended, Invoke
from tests.e2e.traces import Traces

SCHEMAS = CHECKOUT / "src" / "sandbox_suite" / "reports" / "schema"
ROLES = {"deploy": "plugin_deploy", "load": "dataset_load", "regress": "suite_run", "collect": "report_collect"}


@dataclass(frozen=True)
class Regression:
    """A finished run, and what was on the machine before and after it."""

    ended: Ended
    before: dict[str, set[str]]
    after: dict[str, set[str]]


@pytest.fixture(scope="module")
def regression(invoke: Invoke) -> Regression:
    traces = Traces(invoke.home)
    before = traces.left()
    ended = invoke("sandbox.run", "--plan", "smoke", "--json", "--reason", "ticket 12")
    return Regression(ended, before, traces.left())


def test_the_smoke_plan_passes_and_leaves_nothing_behind(regression: Regression) -> None:
    assert regression.ended.code == 0, regression.ended.err
    run = regression.ended.json
    jsonschema.validate(run, json.loads((SCHEMAS / "run-1.json").read_text()))
    assert run["verdict"] == "passed"
    assert run["pass_rate"] >= 0.95
    assert run["critical_coverage"] == 1
    assert run["cases"]["passed"] == 50
    assert [step["name"] for step in run["steps"]] == list(STEPS)
    assert {step["outcome"] for step in run["steps"]} == {"ok"}
    assert run["dataset"]["attested"] is True
    assert run["sandbox"] == {"kept": False, "expires_at": None}
    assert regression.after == regression.before


@pytest.mark.parametrize(("step", "role"), ROLES.items())
def test_what_a_step_tells_its_role_is_what_the_role_asks_for(regression: Regression, step: str, role: str) -> None:
    """A role run by hand looks at its arguments itself; in a job that task is left out."""
    told = json.loads((Path(regression.ended.json["audit"]["log"]).parent / "vars" / f"{step}.json").read_text())
    specs = yaml.safe_load((CHECKOUT / "roles" / role / "meta/argument_specs.yml").read_text())["argument_specs"]
    for name, spec in specs.items():
        given = {option: told[option] for option in spec.get("options", {}) if option in told}
        found = ArgumentSpecValidator(spec.get("options", {})).validate(given)
        assert not found.error_messages, name


def test_its_audit_log_is_whole_and_knows_who_and_why(regression: Regression) -> None:
    run = regression.ended.json
    trail = log.verify(Path(run["audit"]["log"]))
    assert trail.intact
    assert (trail.records, trail.head) == (run["audit"]["records"], run["audit"]["head"])
    records = log.read(Path(run["audit"]["log"]))
    assert records[0].action == "job.submit"
    assert records[0].reason == "ticket 12"
    assert {record.step for record in records if record.task} >= {"deploy", "load", "regress", "collect"}


def test_the_report_is_there_in_three_forms(regression: Regression) -> None:
    run = regression.ended.json
    report = json.loads(Path(run["report"]["json"]).read_text())
    jsonschema.validate(report, json.loads((SCHEMAS / "report-1.json").read_text()))
    assert report["verdict"] == "passed"
    assert all(proof["equal"] for proof in report["dataset"]["proofs"])
    assert [row["row"] for row in report["rows"]] == [f"S-{number:02}" for number in range(1, 21)]
    assert {row["state"] for row in report["rows"]} == {"proved", "not applicable"}
    assert all(row["proofs"] for row in report["rows"])
    assert [item["name"] for item in report["performance"]["figures"] if item["value"] is None] == []
    assert "<testsuites" in Path(run["report"]["junit"]).read_text()
    assert "http://" not in Path(run["report"]["html"]).read_text().split("<body")[0]


def test_the_node_plugin_passes_the_same_plan_beside_a_fixture(invoke: Invoke, tmp_path: Path) -> None:
    plans = yaml.safe_load((CHECKOUT / "config" / "plugins" / "debug" / "data_suite.yaml").read_text())
    (tmp_path / "rates.csv").write_text("code,rate\nEUR,1\n")
    plans["plans"]["smoke-node"]["fixtures"] = {"rates": str(tmp_path / "rates.csv")}
    (tmp_path / "plans.yaml").write_text(yaml.safe_dump(plans, allow_unicode=True))
    surroundings = {"SANDBOX_SUITES_CONFIG": str(tmp_path / "plans.yaml")}
    ended = invoke("sandbox.run", "--plan", "smoke-node", "--json", environment=surroundings)
    assert ended.code == 0, ended.err
    assert ended.json["plugin"]["id"].endswith("-node")
    report = json.loads(Path(ended.json["report"]["json"]).read_text())
    assert {row["row"]: row["state"] for row in report["rows"]}["S-04"] == "proved"
