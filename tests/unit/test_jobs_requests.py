"""What a request notes of its caller, and what the worker must not inherit from one."""

from pathlib import Path

import pytest

from sandbox_suite.core.settings import load
from sandbox_suite.jobs import requests, service
from sandbox_suite.jobs.model import Request


def test_a_request_fills_in_tenant_actor_and_an_absolute_plugin_path(tmp_path: Path) -> None:
    settings = load(tmp_path / "none", {"SANDBOX_HOME": str(tmp_path), "SANDBOX_ACTOR": "ann", "SANDBOX_TENANT": "qa"})
    request = requests.make(settings, "smoke", plugin="./plugin", environment={})
    assert (request.tenant, request.actor) == ("qa", "ann")
    assert Path(request.plugin).is_absolute()


def test_a_reference_stays_as_typed(tmp_path: Path) -> None:
    settings = load(tmp_path / "none", {"SANDBOX_HOME": str(tmp_path)})
    assert (
        requests.make(settings, "smoke", plugin="com.acme.desk@1.0.0", environment={}).plugin == "com.acme.desk@1.0.0"
    )


def test_what_one_caller_sets_for_its_job_reaches_no_other_through_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_SUITES_CONFIG", "/one/callers/plans.yaml")
    monkeypatch.setenv("SANDBOX_SECRET_MASK", "/one/callers/key")
    settings = load(tmp_path / "none", {"SANDBOX_HOME": str(tmp_path)})
    assert requests.make(settings, "smoke").environment == {
        "SANDBOX_SECRET_MASK": "/one/callers/key",
        "SANDBOX_SUITES_CONFIG": "/one/callers/plans.yaml",
    }
    assert not {"SANDBOX_SUITES_CONFIG", "SANDBOX_SECRET_MASK"} & service.environment(settings).keys()


def test_a_request_survives_being_written_down() -> None:
    request = Request(plan="smoke", tenant="qa", actor="ann", thresholds=("pass_rate=1",), environment={"A": "b"})
    assert Request.from_dict(request.as_dict()) == request
