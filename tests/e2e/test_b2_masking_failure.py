"""Use case B-2: a masking failure is blocked before anything is provisioned, rolled back, reported and recorded."""

import base64
import json
import mailbox
from pathlib import Path

import pytest
import yaml

from sandbox_suite.audit import log
from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.telemetry import counters
from tests.e2e.conftest import Ended, Invoke
from tests.e2e.traces import Traces

SUITES = CHECKOUT / "config" / "plugins" / "debug" / "data_suite.yaml"
EXAMPLE = CHECKOUT / "config" / "masking" / "customers-qa.yaml"
ROWS = 60
EMAIL = "anna.{}@" + "corp.invalid"

POLICY = {
    "policy": "people-qa",
    "version": 1,
    "key": {"ref": "secret://sandbox/mask", "id": "k1"},
    "default": "deny",
    "domains": {"email": {"mode": "tagged"}},
    "tables": {
        "people": {
            "rows": {"min": 1, "max_drop": 0},
            "columns": {
                "person_id": {"keep": {"type": "int64", "pk": True, "why": "surrogate key"}},
                "email": {"mask": "email"},
                "status": {"keep": {"enum": ["active", "closed"], "why": "no person data"}},
                "remark": {"keep": {"regex": "[A-Za-z0-9+/=-]{4,60}", "why": "codes of the desk"}},
            },
        }
    },
}


def rows(**columns: str) -> list[list[str]]:
    """Return the dataset's rows; `columns` replace the values of the third row."""
    made = [[str(n), EMAIL.format(n), "active", f"code-{n}"] for n in range(1, ROWS + 1)]
    names = ["person_id", "email", "status", "remark"]
    for name, value in columns.items():
        made[2][names.index(name)] = value
    return [names, *made]


class Dataset:
    """A small dataset of our own, as a folder, with plans that use it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, version: str, table: list[list[str]], policy: object = POLICY) -> dict[str, str]:
        """Write a version, its policy and a plan; return the environment that makes a run find them."""
        place = self.folder / version
        place.mkdir(parents=True)
        (place / "people.csv").write_text("".join(",".join(row) + "\n" for row in table))
        source = {
            "dataset": "people",
            "version": version,
            "files": {"people": "people.csv"},
            "tables": {"people": {"primary_key": ["person_id"]}},
        }
        (place / "dataset.yaml").write_text(yaml.safe_dump(source))
        (self.folder / "policy.yaml").write_text(yaml.safe_dump(policy))
        plans = yaml.safe_load(SUITES.read_text())
        plans["plans"]["smoke"] |= {"policy": str(self.folder / "policy.yaml"), "grants": {}}
        (self.folder / "plans.yaml").write_text(yaml.safe_dump(plans, allow_unicode=True))
        return {"SANDBOX_DATASETS": str(self.folder), "SANDBOX_SUITES_CONFIG": str(self.folder / "plans.yaml")}


def run(invoke: Invoke, version: str, surroundings: dict[str, str], *more: str) -> Ended:
    return invoke(
        "sandbox.run", "--plan", "smoke", "--dataset", f"people@{version}", "--json", *more, environment=surroundings
    )


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset(tmp_path)


LEAKS = {
    "value outside its codomain": {"status": "unknown"},
    "an e-mail of another row, encoded": {"remark": base64.b64encode(EMAIL.format(9).encode()).decode()},
}


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_a_leak_blocks_the_job_before_anything_is_provisioned(
    invoke: Invoke, traces: Traces, dataset: Dataset, leak: dict[str, str]
) -> None:
    before = traces.left()
    ended = run(invoke, "1", dataset.write("1", rows(**leak)))
    assert ended.code == 3, ended.err
    told = ended.json
    assert told["verdict"] == "blocked"
    assert told["dataset"]["attested"] is False
    assert {step["name"]: step["outcome"] for step in told["steps"]}["provision"] == "not run"
    assert "people@1 is blocked" in told["error"]["what"]
    for value in leak.values():
        assert value not in ended.out + ended.err, "the message shows the value"
    assert traces.left() == before


def test_an_unlabelled_column_blocks_whether_or_not_it_looks_sensitive(invoke: Invoke, dataset: Dataset) -> None:
    table = [[*row, "x"] for row in rows()]
    table[0][-1] = "colour"
    ended = run(invoke, "1", dataset.write("1", table))
    assert ended.code == 3, ended.err
    assert "people.colour" in ended.json["error"]["what"]


def test_a_policy_that_misses_a_column_of_the_example_blocks(invoke: Invoke, tmp_path: Path) -> None:
    policy = yaml.safe_load(EXAMPLE.read_text())
    del policy["tables"]["customers"]["columns"]["phone"]
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(policy, allow_unicode=True))
    plans = yaml.safe_load(SUITES.read_text())
    plans["plans"]["smoke"]["policy"] = str(tmp_path / "policy.yaml")
    (tmp_path / "plans.yaml").write_text(yaml.safe_dump(plans, allow_unicode=True))
    surroundings = {"SANDBOX_SUITES_CONFIG": str(tmp_path / "plans.yaml")}
    assert invoke("sandbox.run", "--plan", "smoke", "--dry-run", environment=surroundings).code == 3
    ended = invoke("sandbox.run", "--plan", "smoke", environment=surroundings)
    assert ended.code == 3, ended.err
    assert "customers.phone" in ended.err
    assert "hint:" in ended.err


def test_the_previous_version_stays_current_and_the_failure_is_reported_told_counted_and_recorded(
    invoke: Invoke, traces: Traces, dataset: Dataset, tmp_path: Path
) -> None:
    policy = {**POLICY, "owners": ["crm-owners"]}
    surroundings = dataset.write("1", rows(), policy)
    masked = ("dataset.patch", "--name", "people@1", "--policy", str(dataset.folder / "policy.yaml"))
    (tmp_path / "rows.csv").write_text("table,key,column,value\npeople,5,status,closed\n")
    correction = ("--rows", str(tmp_path / "rows.csv"), "--as", "1b", "--reason", "closed last week")
    good = invoke(*masked, *correction, environment=surroundings)
    assert good.code == 0, good.err
    current = _history(invoke)[-1]
    assert current["reference"] == "people@1b"
    counted, left, told = _blocked(invoke), traces.left(), len(_mails(invoke))

    dataset.write("2", rows(status="unknown"), policy)
    ended = run(invoke, "2", surroundings, "--reason", "replay of B-2")

    assert ended.code == 3
    assert {step["name"]: step["outcome"] for step in ended.json["steps"]}["provision"] == "not run"
    assert traces.left() == left, "something was provisioned, or left"
    assert list((invoke.home / "datasets" / "tmp").iterdir()) == [], "the quarantine is still there"
    assert _history(invoke)[-1] == current
    assert ended.json["error"]["left"] == "nothing had been provisioned"

    report = json.loads(_newest(invoke, "people@2-*.json").read_text())
    readable = _newest(invoke, "people@2-*.md").read_text()
    assert any("status" in finding["place"] for finding in report["findings"])
    assert "people.status" in readable
    assert "people@1b stays current" in readable
    assert "person_id=3" in readable, "the report names no row"
    assert (report["by"]["job"], report["by"]["reason"]) == (ended.json["job"], "replay of B-2")

    mails = _mails(invoke)
    assert sorted(str(mail["To"]) for mail in mails[told:]) == ["crm-owners", "data-team"]
    assert {one["outcome"] for one in report["notices"]} == {"ok"}
    assert _blocked(invoke) == counted + 1

    shown = invoke("audit.show", "--job", "datasets", "--outcome", "blocked", "--json").json["records"][-1]
    assert (shown["action"], shown["target"], shown["job"]) == ("dataset.mask", "people@2", ended.json["job"])
    assert (shown["actor"], shown["reason"]) == (report["by"]["actor"], "replay of B-2")
    assert invoke("audit.verify", "--job", "datasets").code == 0
    assert any(
        (record.action, record.target, record.outcome) == ("step.run", "dataset", "failed")
        for record in log.read(Path(ended.json["audit"]["log"]))
    )
    everything = [ended.out, ended.err, readable, json.dumps(report), json.dumps(shown), *map(str, mails)]
    assert not any(value in text for text in everything for value in (EMAIL.format(3), "unknown")), "a value is shown"

    asked = ("sandbox.run", "--plan", "smoke", "--dataset", "people@current", "--dry-run", "--json")
    assert invoke(*asked, environment=surroundings).json["versions"]["dataset"] == "people@1b"
    again = invoke("dataset.mask", "--name", "people@1b", "--policy", str(dataset.folder / "policy.yaml"),
                   "--out", str(tmp_path / "out"), "--json", environment=surroundings)  # fmt: skip
    assert again.code == 0, again.err
    assert again.json["version"] == current["version"], "the current version can still be had"


def _history(invoke: Invoke) -> list[dict[str, str]]:
    found: list[dict[str, str]] = invoke("dataset.history", "people", "--json").json["history"]
    return found


def _blocked(invoke: Invoke) -> int:
    return counters.value(invoke.home, "sandbox_masking_blocked_total", {"dataset": "people", "policy": "people-qa"})


def _mails(invoke: Invoke) -> list[mailbox.MaildirMessage]:
    box = invoke.home / "notices"
    return [found for _, found in sorted(mailbox.Maildir(box, create=False).items())] if box.exists() else []


def _newest(invoke: Invoke, pattern: str) -> Path:
    return sorted((invoke.home / "datasets" / "failures").glob(pattern))[-1]
