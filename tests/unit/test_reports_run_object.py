"""The JSON object of a run: whatever is known or not, it keeps its documented shape."""

from pathlib import Path

import jsonschema

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import read_json
from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.reports import run_object

SCHEMA = read_json(CHECKOUT / "src" / "sandbox_suite" / "reports" / "schema" / "run-1.json")
DIGEST = "sha256:" + "0" * 64


def test_finished_run_has_the_documented_shape() -> None:
    value = run_object.build(
        job="j8f3k2m9q0abc4",
        tenant="acme",
        plan="smoke",
        plugin={"id": "com.example.desk", "version": "1.2.0", "digest": DIGEST, "package": "left out"},
        dataset={"name": "customer-sample", "version": "2025-01", "digest": DIGEST, "attested": True},
        verdict="passed",
        pass_rate=1.0,
        critical_coverage=1.0,
        cases={"passed": 49, "flaky": 1},
        steps=[{"name": "admit", "outcome": "ok", "seconds": 0.1, "started": 0.0}],
        seconds=3.21987,
        report={"json": Path("report.json"), "junit": Path("junit.xml"), "html": Path("report.html")},
        audit={"log": "audit.jsonl", "records": 61, "head": DIGEST},
        kept=True,
        expires_at="2026-11-24T14:05:12.123Z",
    ).as_dict()
    jsonschema.validate(value, SCHEMA)
    assert list(value) == SCHEMA["required"]
    assert value["plugin"] == {"id": "com.example.desk", "version": "1.2.0", "digest": DIGEST}
    assert value["cases"] == {"passed": 49, "flaky": 1, "failed": 0, "error": 0, "skipped": 0}
    assert value["seconds"] == 3.22


def test_refused_request_has_the_same_shape() -> None:
    error = RequestError("unknown plan `smock`", remedy="known plans: smoke")
    value = run_object.build(job=None, tenant="default", plan="smock", error=error).as_dict()
    jsonschema.validate(value, SCHEMA)
    assert value["verdict"] is None
    assert value["error"] == {
        "what": "unknown plan `smock`",
        "left": "nothing was changed",
        "remedy": "known plans: smoke",
    }


def test_lease_of_a_sandbox_that_was_not_kept_is_not_told() -> None:
    value = run_object.build(job="j1", tenant="t", plan="p", kept=False, expires_at="2026-11-24T14:05:12Z").as_dict()
    assert value["sandbox"] == {"kept": False, "expires_at": None}
