"""The queue as people see it: place, reason, forecast; policies that are edited meanwhile; who may come in."""

import datetime
from pathlib import Path

import pytest
import yaml

from sandbox_suite.core.clock import iso
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import write_atomic
from sandbox_suite.core.settings import CHECKOUT, Settings, load
from sandbox_suite.jobs import admission, entry, flags, listing, machines, policy_store, requests, table, waiting
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.fairness import Allowed, Cost, Head, Room, Turns
from sandbox_suite.jobs.forecast import UNKNOWN, Busy, Queued, starts
from sandbox_suite.jobs.model import Request, State

NOW = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
PARTS = {name: {"cpus": 1, "memory_mb": 512, "pids": 64, "tmpfs_mb": 64} for name in ("database", "plugin", "runner")}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    config = tmp_path / "config"
    (config / "sandbox").mkdir(parents=True)
    for name in ("access.yaml", "flags.yaml"):
        (config / name).write_text((CHECKOUT / "config" / name).read_text())
    made = load(tmp_path / "none.yaml", {"SANDBOX_HOME": str(tmp_path / "home"), "SANDBOX_CONFIG": str(config)})
    rules(made, tenants={"qa": {"sandboxes": 2}, "ci": {"sandboxes": 1}})
    return made


def rules(settings: Settings, **document: object) -> None:
    """Write the resource policies, as an editor does."""
    text = yaml.safe_dump({"parts": PARTS, **document})
    write_atomic(settings.config / "sandbox" / "resource_policies.yaml", text.encode())


def ran(database: Database, job: str, seconds: float, tenant: str = "qa") -> None:
    """Leave a job that took so many seconds."""
    table.submit(database, job, Request("smoke", tenant, "ann"), iso(NOW))
    table.move(database, job, State.RUNNING, admitted_at=iso(NOW - datetime.timedelta(hours=1)))
    ended = NOW - datetime.timedelta(hours=1) + datetime.timedelta(seconds=seconds)
    table.move(database, job, State.DONE, ended_at=iso(ended))


def admit(database: Database, settings: Settings) -> list[str]:
    force = policy_store.current(settings).rules
    return admission.admit(database, machines.own(settings), machines.rules(force, settings), NOW)


def queued(database: Database, *jobs: str, tenant: str = "qa", plan: str = "smoke") -> None:
    for job in jobs:
        table.submit(database, job, Request(plan, tenant, "ann"), iso(NOW))


def test_a_waiting_job_has_its_place_its_reason_and_a_forecast_from_measured_jobs(settings: Settings) -> None:
    database = Database(settings.home)
    for job, seconds in (("m1", 10), ("m2", 14), ("m3", 12)):
        ran(database, job, seconds)
    queued(database, "j1", "j2", "j3", "j4", "j5")
    assert admit(database, settings) == ["j1", "j2"]
    found = waiting.of(database, settings, NOW + datetime.timedelta(seconds=4))
    assert {job: wait.place for job, wait in found.items()} == {"j3": 1, "j4": 2, "j5": 3}
    assert found["j3"].reason == "tenant `qa` holds 2 of 2 sandboxes"
    assert (found["j3"].earliest, found["j3"].latest) == ("2026-01-01T12:00:10.000Z", "2026-01-01T12:00:14.000Z")
    assert (found["j5"].earliest, found["j5"].latest) == ("2026-01-01T12:00:20.000Z", "2026-01-01T12:00:28.000Z")
    rows = {row["job"]: row for row in listing.rows(settings, lambda: NOW)}
    assert (rows["j3"]["shown"], rows["j3"]["place"], rows["j3"]["starts"]) == ("queued (1)", 1, "12:00:10-12:00:14")
    assert rows["j1"]["wait"] is None


def test_a_forecast_without_measurements_is_unknown_and_says_why(settings: Settings) -> None:
    database = Database(settings.home)
    queued(database, "j1", "j2", "j3")
    admit(database, settings)
    wait = waiting.of(database, settings, NOW)["j3"]
    assert (wait.earliest, wait.start()) == (None, "unknown")
    assert "fewer than 3 jobs of plan smoke were measured" in wait.words()


def test_a_job_that_takes_longer_than_any_before_leaves_the_end_of_the_range_open(settings: Settings) -> None:
    database = Database(settings.home)
    for job in ("m1", "m2", "m3"):
        ran(database, job, 10)
    queued(database, "j1", "j2", "j3")
    admit(database, settings)
    wait = waiting.of(database, settings, NOW + datetime.timedelta(minutes=5))["j3"]
    assert wait.latest is None
    assert wait.start() == "12:05:00 or later"


def test_an_unknown_tenant_is_told_that_it_has_no_quota(settings: Settings) -> None:
    database = Database(settings.home)
    queued(database, "j1", tenant="gone")
    assert waiting.of(database, settings, NOW)["j1"].reason == "tenant `gone` has no quota"


def test_a_thousand_waiting_jobs_are_forecast_each_once(settings: Settings) -> None:
    turns = Turns({"a": Allowed(2), "b": Allowed(2)}, {}, {}, Cost(), Room(4), 4)
    queues = {name: [Queued(f"{name}{number}", "smoke", Head(number)) for number in range(500)] for name in ("a", "b")}
    found = starts(turns, queues, [], {"smoke": 10.0}, UNKNOWN)
    assert len(found) == 1000
    assert found["a499"] == found["b499"] == 249 * 10


def test_a_kept_sandbox_is_counted_on_until_its_lease_ends_and_a_day_until_midnight() -> None:
    turns = Turns({"a": Allowed(1)}, {}, {}, Cost(), Room(4), 4)
    turns.take("a", Head(1))
    turns.held["a"] = turns.held["a"].__class__(sandboxes=1)
    assert starts(turns, {"a": [Queued("j", "p", Head(2))]}, [Busy("a", 30, Cost(), kept=True)], {}, UNKNOWN) == {
        "j": 30
    }
    turns = Turns({"a": Allowed(9, jobs_per_day=0)}, {}, {}, Cost(), Room(4), 4)
    assert starts(turns, {"a": [Queued("j", "p", Head(2))]}, [], {}, 60) == {}


def test_an_edited_quota_holds_without_a_restart_and_a_broken_edit_changes_nothing_and_is_told(
    settings: Settings,
) -> None:
    assert policy_store.current(settings).rules.tenants["qa"].sandboxes == 2
    rules(settings, tenants={"qa": {"sandboxes": 5}})
    assert policy_store.current(settings).rules.tenants["qa"].sandboxes == 5
    rules(settings, tenants={"qa": {"sandboxes": -1, "weight": 0}}, colour="green")
    force = policy_store.current(settings)
    assert force.rules.tenants["qa"].sandboxes == 5
    told = [f"{finding.place} {finding.message}" for finding in force.findings]
    assert len(told) == 4
    assert all(any(word in line for line in told) for word in ("sandboxes", "weight", "colour", "stays in force"))
    assert all("resource_policies.yaml:" in line for line in told[:3])


def test_the_last_good_policies_outlive_the_process(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    policy_store.current(settings)
    monkeypatch.setattr(policy_store, "_seen", {})
    rules(settings, tenants=[])
    assert policy_store.current(settings).rules.tenants["qa"].sandboxes == 2
    monkeypatch.setattr(policy_store, "_seen", {})
    (settings.config / "sandbox" / "resource_policies.yaml").unlink()
    assert policy_store.current(settings).rules.tenants["qa"].sandboxes == 2


def test_policies_of_which_no_good_version_was_ever_seen_are_refused(settings: Settings) -> None:
    rules(settings, tenants=[])
    with pytest.raises(RequestError, match=r"resource_policies\.yaml:"):
        policy_store.current(settings)


def asked(settings: Settings, actor: str = "ann", tenant: str = "qa", priority: str = "normal") -> list[str]:
    found = entry.check(settings, Request("smoke", tenant, actor, priority=priority))
    return [finding.message for finding in found if finding.severity == "error"]


def test_flags_are_asked_for_by_actor_and_tenant_and_read_anew(settings: Settings) -> None:
    assert asked(settings) == []
    flag = {"default": False, "tenants": {"qa": True}, "actors": {"bob": False}}
    document = {"flags": {flags.REQUIRED[0]: flag, flags.REQUIRED[1]: True}}
    (settings.config / "flags.yaml").write_text(yaml.safe_dump(document))
    assert asked(settings) == []
    assert "is off" in asked(settings, actor="bob")[0]
    assert "is off" in asked(settings, tenant="ci")[0]


def test_a_broken_flags_file_is_told_and_is_no_flag_that_is_off(settings: Settings) -> None:
    (settings.config / "flags.yaml").write_text("flags: {plugin-sandbox-suite: perhaps}\nmore: 1\n")
    (told,) = asked(settings)
    assert "flags.yaml:1" in told
    assert "more" in told
    assert "is off" not in told


def test_flags_that_still_stand_in_the_access_file_hold(settings: Settings) -> None:
    access = {"feature_flags": {flags.REQUIRED[0]: False}, "accounts": {"*": []}}
    (settings.config / "access.yaml").write_text(yaml.safe_dump(access))
    told = asked(settings)
    assert any("is off" in line and "access.yaml" in line for line in told)
    assert any("lacks the permission `sandbox:execute`" in line for line in told)


def test_urgent_needs_a_permission_of_its_own_which_may_hold_for_one_tenant(settings: Settings) -> None:
    assert "lacks the permission `sandbox:urgent`" in asked(settings, priority="urgent")[0]
    assert asked(settings, actor="ci", priority="urgent") == []
    accounts = {"ann": ["sandbox:execute", "sandbox:urgent@qa"]}
    (settings.config / "access.yaml").write_text(yaml.safe_dump({"accounts": accounts}))
    assert asked(settings, priority="urgent") == []
    assert "for tenant `ci`" in asked(settings, tenant="ci", priority="urgent")[0]


def test_a_quota_without_room_for_one_sandbox_is_refused_instead_of_waited_for(settings: Settings) -> None:
    rules(settings, tenants={"qa": {"sandboxes": 2, "cpus": 2}, "ci": {"sandboxes": 0}})
    assert "has no room for a sandbox" in asked(settings)[0]
    assert "quota of 0 sandboxes" in asked(settings, tenant="ci")[0]


def test_what_no_queue_knows_is_refused_all_at_once(settings: Settings) -> None:
    with pytest.raises(RequestError) as refused:
        requests.make(settings, "smoke", priority="asap", wait_at_most=-1, environment={})
    assert "`asap`" in str(refused.value)
    assert "`-1`" in str(refused.value)
    with pytest.raises(RequestError, match="soon"):
        requests.seconds("soon")
    assert requests.seconds("2.5") == 2.5
