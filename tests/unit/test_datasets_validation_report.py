"""The validation report: names rules, checks, rows and exceptions, never a value; kept beside what it is about."""

import datetime
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from datasets_quarantine import NOW, POLICY, Quarantine, make, small_source
from invoke.context import Context
from invoke.exceptions import Exit

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import read_json
from sandbox_suite.core.progress import silent
from sandbox_suite.core.settings import CHECKOUT, Settings
from sandbox_suite.datasets import policy, prepare, retention, validation_page, validation_report
from sandbox_suite.datasets.failure import DatasetBlockedError
from sandbox_suite.datasets.gate import launch, run
from sandbox_suite.datasets.gate.verdict import CHECKS, Request, Verdict, blocked
from sandbox_suite.datasets.operation import Retention
from sandbox_suite.datasets.retention import Used
from sandbox_suite.datasets.sources import Column
from sandbox_suite.datasets.store import Store
from sandbox_suite.datasets.trail import Asker
from sandbox_suite.tasks import dataset_check

SCHEMA = read_json(CHECKOUT / "src" / "sandbox_suite" / "datasets" / "schema" / "validation-1.json")
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=y>&"
FEW = {"customers": 60, "orders": 80, "notes": 60}
NAME = "small@2025-01"


def exceptions(**until: str) -> list[dict[str, str]]:
    """Return an exception for the notes per kind of finding."""
    return [
        {"column": "notes.body", "finding": kind, "owner": "data-team", "until": day, "why": f"because {HOSTILE}"}
        for kind, day in until.items()
    ]


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rules") / "policy.yaml"
    document = yaml.safe_load(POLICY.read_text())
    document["exceptions"] = exceptions(card="2025-06-01", iban="2025-05-31", email="2026-01-01")
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory, rules: Path) -> Quarantine:
    return make(tmp_path_factory.mktemp("validated"), rules=rules)


def report(masked: Quarantine, verdict: Verdict | None, **more: Any) -> dict[str, Any]:
    columns = {
        name: {column: Column(item["type"], item["nullable"]) for column, item in table["columns"].items()}
        for name, table in read_json(masked.raw / "manifest.json")["tables"].items()
    }
    subject = validation_report.Subject(
        NAME, policy.load(masked.policy), f"sha256:{'1' * 64}", "masks", "0" * 16, columns
    )
    made = validation_report.document(subject, more.get("findings", []), verdict, NOW)
    jsonschema.validate(made, SCHEMA)
    return made


def leak_in(masked: Quarantine, folder: Path) -> tuple[Quarantine, str]:
    """Return a copy whose customers kept an e-mail, which a note quotes; and the e-mail."""
    leak = masked.frame("customers", "raw")["email"][7]
    return masked.copy(folder).put("customers", "email", 7, leak).plant("notes", "body", 7, f"to {leak}"), leak


def test_a_passed_version_is_reported_with_rules_checks_digests_and_seed(masked: Quarantine) -> None:
    verdict = masked.judge(seed=77)
    made = report(masked, verdict)
    assert (made["outcome"], made["seed"], made["rows"]) == ("passed", 77, 1200)
    assert [check["name"] for check in made["checks"]] == list(CHECKS)
    assert {check["outcome"] for check in made["checks"]} == {"passed"}
    assert verdict.manifest is not None
    assert made["digests"]["masked"] == verdict.manifest["digest"]
    assert made["policy"]["digest"] == policy.load(masked.policy).digest
    assert made["counts"]["rules"]["email"] == 2
    customers = next(table for table in made["tables"] if table["table"] == "customers")
    status = next(column for column in customers["columns"] if column["column"] == "status")
    assert status == {
        "column": "status",
        "type": "string",
        "rule": "keep",
        "details": "enum: active, dormant, closed",
        "why": "says nothing of a person",
    }


def test_every_check_is_explained() -> None:
    assert list(validation_report.ABOUT) == list(CHECKS)


def test_no_value_is_in_a_report_but_rows_and_hmacs_are(masked: Quarantine, tmp_path: Path) -> None:
    leaky, leak = leak_in(masked, tmp_path)
    made = report(masked, leaky.judge())
    files = validation_report.keep(tmp_path / "out", made)
    for file in files:
        assert leak not in file.read_text()
        assert file.stat().st_mode & 0o077 == 0
    identity = next(item for item in made["findings"] if item["id"] == "gate-identity")
    assert (identity["place"], identity["rule"], identity["check"]) == ("customers.email", "email", "no identity")
    assert identity["rows"][0]["key"] == "customer_id=8"
    assert re.fullmatch("[0-9a-f]{16}", identity["rows"][0]["hmac"])
    assert made["outcome"] == "blocked"
    assert made["attestation"] is None


def test_equal_values_have_equal_hmacs_so_that_leaks_can_be_told_apart(masked: Quarantine, tmp_path: Path) -> None:
    leaky, _ = leak_in(masked, tmp_path)
    found = {item["id"]: item["rows"][0]["hmac"] for item in report(masked, leaky.judge())["findings"]}
    assert found["gate-identity"] == found["gate-recomputed"]
    assert found["gate-identity"] != found["gate-original"]


def test_exceptions_are_told_with_owner_day_and_reason_and_the_expired_one_accepts_nothing(
    masked: Quarantine, tmp_path: Path
) -> None:
    spoiled = masked.copy(tmp_path).plant("notes", "body", 0, "card 4111 1111 1111 1111")
    made = report(masked, spoiled.judge())
    assert made["outcome"] == "passed"
    assert {item["finding"]: item["state"] for item in made["exceptions"]} == {
        "card": "used",
        "iban": "expired",
        "email": "not used",
    }
    assert made["exceptions"][0]["owner"] == "data-team"
    assert made["counts"]["excepted"] == 1
    assert made["attestation"]["expires_at"].startswith("2025-06-01")
    expired = spoiled.plant("notes", "body", 1, "account DE89 3704 0044 0532 0130 00")
    made = report(masked, expired.judge())
    assert made["outcome"] == "blocked"
    assert {item["id"] for item in made["findings"]} == {"gate-iban"}


def test_a_gate_that_ended_badly_leaves_every_check_not_run(masked: Quarantine) -> None:
    made = report(masked, blocked("gate-timeout", "the gate had no answer after 600 s"))
    assert made["outcome"] == "blocked"
    assert made["seed"] is None
    assert [check["outcome"] for check in made["checks"]] == ["not run"] * len(CHECKS) + ["blocked"]


class Outline(HTMLParser):
    """Collects elements and ids, and fails on ends that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_takes_nothing_for_markup(masked: Quarantine, tmp_path: Path) -> None:
    leaky, _ = leak_in(masked, tmp_path)
    page = validation_page.html(report(masked, leaky.judge()))
    outline = Outline(page)
    tags = {tag for tag, _ in outline.found}
    assert not tags & {"script", "img", "link", "iframe"}
    assert not [attrs for _, attrs in outline.found if set(attrs) & {"src", "onerror", "onclick", "style"}]
    assert all((attrs.get("href") or "#").startswith("#") for _, attrs in outline.found)
    assert "url(" not in page
    assert "&lt;script&gt;" in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_the_page_can_be_read_without_eyes(masked: Quarantine, tmp_path: Path) -> None:
    leaky, _ = leak_in(masked, tmp_path)
    outline = Outline(validation_page.html(report(masked, leaky.judge())))
    ids = [attrs["id"] for _, attrs in outline.found if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in outline.found:
        for reference in (attrs.get("aria-labelledby"), (attrs.get("href") or "").removeprefix("#")):
            assert not reference or reference in ids
    cells = [attrs for tag, attrs in outline.found if tag == "th"]
    assert cells
    assert all("scope" in attrs for attrs in cells)
    assert [tag for tag, _ in outline.found].count("h1") == 1
    assert next(attrs for tag, attrs in outline.found if tag == "html")["lang"] == "en"


# ---- kept beside versions and failures, and written by the task


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    def judge(asked: Request, master: bytes, signing: bytes, out: Path) -> Verdict:
        return run.run(asked, master, signing)

    small_source(tmp_path / "sources", FEW)
    monkeypatch.setenv("SANDBOX_DATASETS", f"{tmp_path / 'nowhere'}:{tmp_path / 'sources'}")
    monkeypatch.setattr(launch, "gate", judge)
    found = Settings(home=tmp_path / "home", cache=tmp_path, runtime=tmp_path, config=tmp_path)
    monkeypatch.setattr(dataset_check, "settings", lambda: found)
    return found


def unlabelled(folder: Path) -> Path:
    """Return a policy that forgot a column."""
    document = yaml.safe_load(POLICY.read_text())
    del document["tables"]["customers"]["columns"]["phone"]
    (folder / "unlabelled.yaml").write_text(yaml.safe_dump(document))
    return folder / "unlabelled.yaml"


def clock() -> datetime.datetime:
    return NOW


def test_the_report_is_kept_beside_an_attested_version_and_leaves_it_whole(place: Settings) -> None:
    made = prepare.prepare(NAME, POLICY, place, silent, clock)
    kept = read_json(made.folder / "validation.json")
    jsonschema.validate(kept, SCHEMA)
    assert kept["digests"]["masked"] == made.digest
    assert kept["digests"]["manifest"] == f"sha256:{made.folder.name}"
    assert (made.folder / "validation.html").exists()
    Store(place.home / "datasets").verify_files(made)
    assert prepare.prepare(NAME, POLICY, place, silent, clock) == made


def test_the_report_is_kept_beside_a_failure_and_goes_with_it(place: Settings, tmp_path: Path) -> None:
    with pytest.raises(DatasetBlockedError) as caught:
        prepare.prepare(NAME, unlabelled(tmp_path), place, silent, clock)
    assert caught.value.report is not None
    folder = caught.value.report.with_suffix("")
    kept = read_json(folder / "validation.json")
    jsonschema.validate(kept, SCHEMA)
    assert kept["outcome"] == "blocked"
    assert any(item["place"] == "customers.phone" for item in kept["findings"])
    customers = next(table for table in kept["tables"] if table["table"] == "customers")
    assert "denied" in {column["rule"] for column in customers["columns"]}
    later = NOW + datetime.timedelta(days=400)
    retention.collect(place, Retention(), Used, Asker("test"), lambda: later)
    assert list((place.home / "datasets" / "failures").iterdir()) == []


def test_a_report_that_cannot_be_written_hides_no_block(
    place: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(validation_report, "keep", full)
    said: list[str] = []
    with pytest.raises(DatasetBlockedError):
        prepare.prepare(NAME, unlabelled(tmp_path), place, said.append, clock)
    assert any("validation report could not be written" in line for line in said)


def checked(capsys: pytest.CaptureFixture[str], **options: Any) -> tuple[int, str]:
    with pytest.raises(Exit) as ended:
        dataset_check.check.body(Context(), NAME, **options)  # type: ignore[attr-defined]
    return ended.value.code, capsys.readouterr().out


def test_the_task_writes_the_report_and_keeps_nothing(
    place: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = checked(capsys, policy=str(POLICY), report=str(tmp_path / "new" / "out"))
    assert (code, out.splitlines()[-1]) == (0, "attested")
    assert read_json(tmp_path / "new" / "out" / "validation.json")["outcome"] == "passed"
    assert "Attested: small@2025-01" in (tmp_path / "new" / "out" / "validation.html").read_text()
    assert Store(place.home / "datasets").names() == []


def test_the_task_ends_with_3_and_tells_why(
    place: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = checked(capsys, policy=str(unlabelled(tmp_path)), report=str(tmp_path / "out"))
    assert code == 3
    assert "customers.phone" in out
    assert out.splitlines()[-1] == "BLOCKED"
    assert read_json(tmp_path / "out" / "validation.json")["outcome"] == "blocked"


def test_the_task_refuses_a_file_for_a_folder(place: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RequestError, match="is no folder"):
        dataset_check.check.body(Context(), NAME, policy=str(POLICY), report=str(tmp_path / "file"))  # type: ignore[attr-defined]
