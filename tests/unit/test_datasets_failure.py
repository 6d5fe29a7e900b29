"""A blocked dataset: reported, counted, recorded, its owners told, whatever goes wrong on the way."""

import datetime
import http.server
import json
import mailbox
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from sandbox_suite.audit import log
from sandbox_suite.core.errors import BlockedError, RequestError
from sandbox_suite.core.findings import Finding
from sandbox_suite.core.progress import silent
from sandbox_suite.core.settings import CHECKOUT, Settings
from sandbox_suite.datasets import failure, masking, notices, operation, trail
from sandbox_suite.datasets import policy as policies
from sandbox_suite.datasets.failure import Failure
from sandbox_suite.datasets.keys import Keys
from sandbox_suite.datasets.sources import Table
from sandbox_suite.datasets.trail import Asker
from sandbox_suite.telemetry import counters

NOW = datetime.datetime(2025, 6, 1, 12, tzinfo=datetime.UTC)
BY = Asker("anna", "a regression", "j123", "qa")
POLICY = {"name": "people-qa", "version": 1, "digest": "sha256:12"}
FINDINGS = [Finding("error", "holds a name | twice (rows id=7)", "people.remark", "gate-name")]


def clock() -> datetime.datetime:
    return NOW


@pytest.fixture
def place(tmp_path: Path) -> Settings:
    (tmp_path / "config").mkdir()
    return Settings(home=tmp_path / "home", cache=tmp_path, runtime=tmp_path, config=tmp_path / "config")


def configure(place: Settings, **content: Any) -> None:
    (place.config / "datasets.yaml").write_text(yaml.safe_dump(content))


def blocked(place: Settings, said: list[str] | None = None, owners: tuple[str, ...] = ("crm",)) -> dict[str, Any]:
    """Block a dataset; return the report."""
    what = Failure("people@2", POLICY, owners, FINDINGS, "people@1")
    error = failure.block(what, BY, place, silent if said is None else said.append, clock)
    assert error.report is not None
    assert error.exit_code == 3
    report: dict[str, Any] = json.loads(error.report.read_text())
    return report


def mails(place: Settings, folder: str = "notices") -> list[mailbox.MaildirMessage]:
    return list(mailbox.Maildir(place.home / folder, create=False))


def test_the_report_is_there_for_programs_and_for_people(place: Settings) -> None:
    report = blocked(place)
    assert report["dataset"] == "people@2"
    assert report["by"] == {"actor": "anna", "reason": "a regression", "job": "j123", "tenant": "qa"}
    assert report["findings"] == [FINDINGS[0].as_dict()]
    assert report["current"] == "people@1"
    (readable,) = (place.home / "datasets" / "failures").glob("*.md")
    text = readable.read_text()
    for said in (
        "people@2 was blocked",
        "people@1 stays current",
        "people.remark",
        "id=7",
        "anna, job j123: a regression",
    ):
        assert said in text
    assert "name \\| twice" in text, "a bar in a message must not break the table"
    assert readable.stat().st_mode & 0o077 == 0


def test_owners_of_the_policy_and_of_the_dataset_are_told_once_each(place: Settings) -> None:
    configure(
        place, owners={"*": ["everybody"], "people": ["data-team", "crm"]}, notices={"*": [{"maildir": "notices"}]}
    )
    report = blocked(place)
    assert [one["owner"] for one in report["notices"]] == ["crm", "data-team"]
    assert sorted(str(mail["To"]) for mail in mails(place)) == ["crm", "data-team"]
    mail = mails(place)[0]
    assert "people@2" in mail["Subject"]
    assert "people.remark" in mail.get_payload(decode=True).decode()  # type: ignore[union-attr]


def test_the_checkouts_own_configuration_is_sound(place: Settings) -> None:
    found = operation.load(CHECKOUT / "config")
    assert found.owners_of("anything", [])
    assert found.sinks(found.owners_of("anything", [])[0])


def test_a_command_gets_the_mail(place: Settings) -> None:
    out = place.home / "mail"
    configure(place, notices={"crm": [{"command": ["sh", "-c", f"cat > {out}"], "to": "crm@example.com"}]})
    (told,) = blocked(place)["notices"]
    assert told == {"owner": "crm", "way": "command sh", "outcome": "ok", "error": ""}
    assert "To: crm@example.com" in out.read_text()
    assert "people@2 was blocked" in out.read_text()


class Desk(http.server.BaseHTTPRequestHandler):
    """A webhook that keeps what it got; `/moved` redirects, `/broken` fails."""

    got: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append(json.loads(body))
        self.send_response({"/moved": 302, "/broken": 500}.get(self.path.partition("?")[0], 200))
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def desk() -> Iterator[http.server.HTTPServer]:
    Desk.got = []
    server = http.server.HTTPServer(("127.0.0.1", 0), Desk)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_webhook_gets_the_facts(place: Settings, desk: http.server.HTTPServer) -> None:
    configure(place, notices={"crm": [{"webhook": f"http://127.0.0.1:{desk.server_port}/hook"}]})
    (told,) = blocked(place)["notices"]
    assert told["outcome"] == "ok", told
    (facts,) = Desk.got
    assert (facts["dataset"], facts["actor"], facts["count"], facts["current"]) == ("people@2", "anna", 1, "people@1")


def test_the_address_of_a_webhook_may_be_a_secret(place: Settings, desk: http.server.HTTPServer) -> None:
    (place.home / "secrets").mkdir(parents=True)
    token = "t0k" + "en-of-the-desk"
    (place.home / "secrets" / "desk").write_text(f"http://127.0.0.1:{desk.server_port}/hook?key={token}\n")
    configure(place, notices={"crm": [{"webhook": "secret://sandbox/desk"}]})
    report = blocked(place)
    assert len(Desk.got) == 1
    assert report["notices"][0]["way"] == "webhook desk"
    assert token not in json.dumps(report) + trail.path(place.home).read_text()


@pytest.mark.parametrize("path", ["moved", "broken"])
def test_a_webhook_that_did_not_take_it_is_a_failure_without_its_address(
    place: Settings, desk: http.server.HTTPServer, path: str
) -> None:
    configure(place, notices={"crm": [{"webhook": f"http://127.0.0.1:{desk.server_port}/{path}?key=sesame"}]})
    (told,) = blocked(place)["notices"]
    assert told["outcome"] == "failed"
    assert told["error"] in ("it answered 302", "it answered 500")
    assert "sesame" not in json.dumps(told)


BROKEN = {
    "a command that fails": {"command": ["sh", "-c", "echo no route >&2; exit 7"]},
    "a command that is not there": {"command": ["no-such-command-anywhere"]},
    "a webhook that nobody hears": {"webhook": "http://127.0.0.1:9/"},
    "a secret without value": {"webhook": "secret://sandbox/nothing"},
    "a maildir that is a file": {"maildir": "taken/box"},
}


@pytest.mark.parametrize("sink", BROKEN.values(), ids=BROKEN)
def test_a_failure_to_tell_is_recorded_and_hides_nothing(place: Settings, sink: dict[str, Any]) -> None:
    place.home.mkdir(parents=True)
    (place.home / "taken").write_text("no folder")
    configure(place, notices={"crm": [sink, {"maildir": "notices"}]})
    said: list[str] = []
    report = blocked(place, said)
    assert [one["outcome"] for one in report["notices"]] == ["failed", "ok"]
    assert report["notices"][0]["error"]
    assert any("could not tell crm" in line for line in said)
    assert len(mails(place)) == 1, "the other way is still tried"
    assert counters.value(place.home, "sandbox_notice_failed_total", {"owner": "crm"}) == 1
    recorded = log.read(trail.path(place.home))[-1].details["notices"]
    assert [(one["owner"], one["outcome"]) for one in recorded] == [("crm", "failed"), ("crm", "ok")]


def test_a_command_that_hangs_is_ended(place: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "SECONDS", 0.2)
    configure(place, notices={"crm": [{"command": ["sh", "-c", "sleep 600 & sleep 600"]}]})
    (told,) = blocked(place)["notices"]
    assert told["outcome"] == "failed"
    assert "had not ended" in told["error"]


def test_a_broken_configuration_is_told_and_hides_nothing(place: Settings) -> None:
    configure(place, notices={"crm": [{"carrier-pigeon": "yes"}]})
    report = blocked(place)
    assert report["notices"][0]["outcome"] == "failed"
    assert "datasets.yaml" in report["notices"][0]["error"]


def test_nobody_to_tell_is_a_failure_to_tell(place: Settings) -> None:
    configure(place, owners={}, notices={})
    assert blocked(place, owners=())["notices"][0]["error"].startswith("neither")
    assert blocked(place)["notices"][0]["error"] == "no way to tell this owner is configured"


def test_each_block_raises_the_counter(place: Settings) -> None:
    labels = {"dataset": "people", "policy": "people-qa"}
    blocked(place)
    assert counters.value(place.home, "sandbox_masking_blocked_total", labels) == 1
    blocked(place)
    assert counters.value(place.home, "sandbox_masking_blocked_total", labels) == 2


def test_the_audit_log_says_who_tried_what(place: Settings) -> None:
    blocked(place)
    (record,) = log.read(trail.path(place.home))
    assert (record.actor, record.job, record.reason) == ("anna", "j123", "a regression")
    assert (record.action, record.target, record.outcome) == ("dataset.mask", "people@2", "blocked")
    assert record.details["ids"] == ["gate-name"]
    assert record.details["policy"] == POLICY


def test_neither_counter_nor_audit_hides_the_block(place: Settings) -> None:
    (place.home / "datasets").mkdir(parents=True)
    (place.home / "metrics").write_text("no folder")
    trail.path(place.home).mkdir()
    said: list[str] = []
    assert blocked(place, said)["findings"]
    assert sum("could not be written" in line for line in said) == 2


@pytest.mark.parametrize(
    "content",
    [
        {"notices": {"crm": [{"maildir": "a", "command": ["b"]}]}},
        {"notices": {"crm": [{}]}},
        {"notices": {"crm": [{"webhook": "ftp://there"}]}},
        {"notices": {"crm": [{"maildir": "a", "to": "x\nBcc: y"}]}},
        {"owners": {"People!": ["crm"]}},
        {"retention": {"attested": 0}},
        {"retain": {}},
    ],
)
def test_a_mistake_in_the_configuration_is_named(place: Settings, content: dict[str, Any]) -> None:
    configure(place, **content)
    with pytest.raises(RequestError, match=r"datasets\.yaml:\d"):
        operation.load(place.config)


def test_owners_in_a_policy_do_not_change_what_it_decides(tmp_path: Path) -> None:
    file = CHECKOUT / "config" / "masking" / "customers-qa.yaml"
    named = tmp_path / "named.yaml"
    named.write_text(file.read_text() + "owners: [crm-owners]\n")
    assert policies.load(named).digest == policies.load(file).digest
    assert policies.load(named).document.owners == ["crm-owners"]


def test_a_key_that_is_itself_masked_is_not_shown() -> None:
    card = policies.Rule("cards", "number", "card", {"mode": "realistic", "domain": "card", "on_unknown": "block"})
    plan = masking.TablePlan(Table("cards", ("number",)), {"number": card})
    batch = pa.table({"number": ["4111 1111 1111 1111", "no card at all"]})
    with pytest.raises(BlockedError) as caught:
        masking.mask_batch(batch, plan, Keys(bytes(32)))
    assert "rows #2" in str(caught.value)
    assert "no card" not in str(caught.value)
