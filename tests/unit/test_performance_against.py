"""Two versions, interleaved: what is compared, when it is refused, and that the finding becomes a verdict."""

import dataclasses
import datetime
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import read_json, write_json
from sandbox_suite.jobs import against, suite_check
from sandbox_suite.jobs.against import Asker, Found
from sandbox_suite.jobs.model import Job, Request, State
from sandbox_suite.regression.results import Case, Results
from tests.unit import reports_job
from tests.unit.reports_job import line
from tests.unit.test_reports_step import SCHEMA

NEW, OLD = "jnnnnnnnnnnnnn", "jooooooooooooo"


def job(name: str) -> Job:
    request = Request(plan="smoke", tenant="acme", actor="me")
    return Job(1, name, "acme", "smoke", request, State.KEPT, "m", "", "", "", "", "", "passed", 0)


class Sandboxes:
    """Stands in for two kept sandboxes: each run gives every case a time, noisy and `factor` longer in the new one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
        self.factor, self.chance, self.order = factor, random.Random(1), list[str]()
        monkeypatch.setattr(suite_check, "require_living", lambda *_: None)
        monkeypatch.setattr(suite_check, "together", self.together)

    def together(self, settings: Any, job: Job, suites: Sequence[Any], *_: Any) -> suite_check.Checked:
        self.order.append(job.id)
        longer = self.factor if job.id == NEW else 1.0
        cases = tuple(
            Case("api", f"c{at}", "passed", seconds=(at + 1) / 100 * longer * self.chance.lognormvariate(0, 0.1))
            for at in range(30)
        )
        return suite_check.Checked(Results((*cases, Case("api", "bad", "failed", seconds=9.0))), Path(), 1.0)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in (NEW, OLD):
        reports_job.make(tmp_path, [line("c1")], name)
    return tmp_path


def run(home: Path, rounds: int = 20) -> Found:
    asker = Asker("me", lambda: datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), random.Random(2), lambda: "id")
    return against.run(reports_job.settings_of(home), job(NEW), job(OLD), rounds, asker, lambda _: None)


def test_a_slower_version_is_found_in_few_rounds_and_the_report_has_a_verdict(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandboxes = Sandboxes(monkeypatch, 1.2)
    found = run(home)
    assert (found.evidence.finding, found.rounds) == ("slower", against.FEWEST)
    assert found.evidence.ratio == pytest.approx(1.2, rel=0.05)
    assert len(found.cases) == 10
    assert all(before < now for _, before, now in found.cases)
    assert sorted(sandboxes.order[:2]) == [NEW, OLD], "each round runs in both"
    made = reports_job.run(home, NEW)
    report = read_json(Path(made["report"]["json"]))
    jsonschema.validate(report, SCHEMA)
    assert report["verdict"] == "regressed"
    assert report["reasons"][0].endswith("against com.example.desk@1.2.0, interleaved")
    assert "This is a verdict." in Path(made["report"]["html"]).read_text()
    assert "Interleaved with `com.example.desk@1.2.0`: slower, +" in Path(made["report"]["summary"]).read_text()


def test_the_same_version_is_no_verdict(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Sandboxes(monkeypatch, 1.0)
    assert run(home).evidence.finding == "same"
    assert reports_job.run(home, NEW)["verdict"] == "passed"


def test_unclear_evidence_takes_more_rounds_up_to_what_was_asked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandboxes = Sandboxes(monkeypatch, 1.05)  # on the edge of the tolerance
    found = run(home, rounds=6)
    assert (found.evidence.finding, found.rounds) == ("unclear", 6)
    assert len(sandboxes.order) == 2 * (6 + 1), "the first round warms up"
    assert found.evidence.pairs == 6 * 30, "cases that did not pass are no pairs"


def test_jobs_of_another_plan_dataset_or_plugin_are_not_compared(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Sandboxes(monkeypatch, 1.0)
    file = reports_job.settings_of(home).job(OLD) / "plan.json"
    plan = read_json(file)
    write_json(file, {**plan, "plan": "other", "plugin": {**plan["plugin"], "id": "com.other"}})
    with pytest.raises(RequestError, match=r"plan: smoke against other\nplugin: com.example.desk against com.other"):
        run(home)


def test_what_was_found_is_kept_whole(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Sandboxes(monkeypatch, 1.2)
    found = run(home)
    kept = read_json(reports_job.settings_of(home).job(NEW) / against.RESULT)
    assert kept["evidence"] == dataclasses.asdict(found.evidence)
