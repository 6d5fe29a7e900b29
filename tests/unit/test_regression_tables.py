"""HTTP tables: every mistake at once with its line; what runs them answers as a service answered."""

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.regression import suites, tables

RUNNER = CHECKOUT / "infra" / "images" / "runner" / "http-table"
BROKEN = """\
defaults: {headers: {X: "{{nobody}}"}}
requests:
  - name: a
    get: /x
    post: /y
    expect: {status: 99, json: {items: 1, $.a: {lenght: 3}}, body: {matches: "("}}
  - name: a
    path: nope
    json: {}
    body: x
  - {name: b, get: "/x/{{later}}", save: {later: items}}
  - {name: c, get: /x, expect: {json: {"$.a[*]": {each: {type: text}}}}}
oops: 1
"""


def look(folder: Path, text: str) -> list[str]:
    """Return the findings of a table, a line each."""
    (folder / "requests.yaml").write_text(text)
    return [f"{finding.place} {finding.message}" for finding in tables.look(folder / "requests.yaml")[0]]


def test_every_mistake_comes_at_once_with_its_line(tmp_path: Path) -> None:
    found = look(tmp_path, BROKEN)
    for place, words in (
        ("yaml:3", "one verb with a path"),
        ("yaml:3", "`{{nobody}}` in `a` is no value"),
        ("yaml:6", "requests.0.expect.status"),
        ("yaml:6", "requests.0.expect.json.items"),
        ("yaml:6", "requests.0.expect.json.$.a.lenght"),
        ("yaml:6", "not a regular expression"),
        ("yaml:7", "two requests are called `a`"),
        ("yaml:7", "one body is possible, not json and body"),
        ("yaml:8", "requests.1.path"),
        ("yaml:11", "`{{later}}` in `b` is no value, nor saved by an earlier request"),
        ("yaml:11", "requests.2.save.later"),
        ("yaml:12", "one of object, array"),
        ("yaml:13", "oops"),
    ):
        assert any(place in line and words in line for line in found), f"{place} {words}: {found}"


def test_cases_of_a_table_are_the_declared_cases_of_its_suite(tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text("{name: t, language: http}")
    (tmp_path / "requests.yaml").write_text("requests: [{name: a, get: /a}, {name: b, get: /b}]")
    suite = suites.load(tmp_path)
    assert suite.manifest.run == ["http-table", "requests.yaml"]
    assert suite.ids() == ["t/a", "t/b"]


def test_case_that_no_request_makes_is_a_mistake_and_so_is_a_table_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text("{name: t, language: http, cases: [a, z]}")
    (tmp_path / "requests.yaml").write_text("requests: [{name: a, get: /a}]")
    assert "no request of requests.yaml is called z" in suites.look_at(tmp_path, "t")[0][0].message
    (tmp_path / "requests.yaml").unlink()
    assert "cannot be read" in suites.look_at(tmp_path, "t")[0][0].message


class Service(http.server.BaseHTTPRequestHandler):
    """Echoes requests as JSON; fails twice on /flaky; hangs up on /gone; says anything but JSON on /text."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[str]] = []

    def answer(self) -> None:
        """Answer any request."""
        type(self).asked.append(f"{self.command} {self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if self.path == "/gone":
            self.close_connection = True
            return
        status = 500 if self.path == "/flaky" and self.asked.count("GET /flaky") < 3 else 200
        echo = {"method": self.command, "path": self.path, "body": body, "headers": dict(self.headers), "n": [1, 2, 3]}
        content = b"plain" if self.path == "/text" else json.dumps({**echo, "yes": True, "none": None}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Two", "a")
        self.send_header("X-Two", "b")
        self.send_header("Set-Cookie", "session=hide-me")
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[str]:
    Service.asked = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def ran(folder: Path, url: str, requests: list[dict[str, Any]], code: int = 1, **more: Any) -> dict[str, Any]:
    """Run a table as the image does; return the last line of each case."""
    table = folder / "requests.yaml"
    table.write_text(
        json.dumps({"requests": requests, **{key: more[key] for key in more if key in ("values", "defaults")}})
    )
    assert tables.look(table)[0] == []
    environment = {
        "SANDBOX_BASE_URL": url, "SANDBOX_RESULTS": str(folder / "s.jsonl"), "SANDBOX_SUITE": "s",
        "SANDBOX_RETRIES": str(more.get("retries", 0)), "SANDBOX_DEADLINE_SECONDS": str(more.get("deadline", 60)),
        "PATH": os.environ["PATH"],
    }  # fmt: skip
    done = subprocess.run([sys.executable, str(RUNNER), str(table)], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (code, "")
    lines = [json.loads(line) for line in (folder / "s.jsonl").read_text().splitlines()]
    return {line["case"]: line for line in lines}


def request(name: str, path: str = "/x", **more: Any) -> dict[str, Any]:
    return {"name": name, "get": path, **more}


def test_conditions_hold_or_say_what_was_found(service: str, tmp_path: Path) -> None:
    good = {
        "$.n": {"length": 3, "contains": 2, "type": "array", "each": {"at_least": 1, "at_most": 3}},
        "$.n[-1]": 3, "$.n[*]": [1, 2, 3], "$['path']": {"matches": "^/x"}, "$.yes": True, "$.none": None,
        "$.nothing": {"present": False}, "$.method": {"in": ["GET", "PUT"]}, "$.headers.Host": {"not": ""},
    }  # fmt: skip
    bad: dict[str, Any] = {
        "$.n": {"length": 4}, "$.n[0]": True, "$.n[7]": 1, "$.yes": 1, "$.none": {"present": False},
        "$.path": {"matches": "^y"}, "$.n[*]": {"each": {"at_most": 2}}, "$.method": {"type": "number"},
    }  # fmt: skip
    headers = {"x-two": "a, b", "X-None": {"present": False}}
    found = ran(
        tmp_path,
        service,
        [
            request("good", expect={"json": good, "headers": headers, "body": {"contains": "path"}, "max_ms": 60000}),
            request("bad", expect={"json": bad, "status": [201, 404], "headers": {"X-None": "a"}}),
            request("text", "/text", expect={"json": {"$.a": 1}}),
        ],
    )
    assert {case: line["outcome"] for case, line in found.items()} == {
        "good": "passed",
        "bad": "failed",
        "text": "failed",
    }
    assert len(found["bad"]["message"].splitlines()) == len(bad) + 2
    assert "status: expected in [201, 404], found 200" in found["bad"]["message"]
    assert "the body is not JSON" in found["text"]["message"]


def test_values_are_saved_and_filled_in_with_their_type(service: str, tmp_path: Path) -> None:
    use = {
        "name": "use",
        "post": "/y/{{second}}",
        "query": {"q": "{{second}}"},
        "json": {"id": "{{second}}", "t": "{{who}}-{{second}}"},
        "expect": {
            "json": {"$.path": "/y/2?q=2", "$.body": {"equals": '{"id": 2, "t": "me-2"}'}, "$.headers.X-Who": "me"}
        },
    }
    found = ran(
        tmp_path,
        service,
        [
            request("save", save={"second": "$.n[1]"}),
            use,
            request("lost", save={"gone": "$.nothing"}),
            request("after", "/{{gone}}"),
        ],
        values={"who": "me"},
        defaults={"headers": {"X-Who": "{{who}}"}},
    )
    assert found["use"]["outcome"] == "passed", found["use"]["message"]
    assert found["lost"]["outcome"] == "failed"
    assert found["after"]["outcome"] == "error"
    assert "no value `gone`" in found["after"]["message"]


def test_bodies_and_headers_are_sent_as_written(service: str, tmp_path: Path) -> None:
    kinds = {"json": [1], "form": {"a": "b c"}, "body": "plain"}
    sent = {"json": "[1]", "form": "a=b+c", "body": "plain"}
    found = ran(
        tmp_path,
        service,
        [
            *(
                {"name": kind, "put": "/", kind: kinds[kind], "expect": {"json": {"$.body": sent[kind]}}}
                for kind in kinds
            ),
            request("without", headers={"X-All": None}, expect={"json": {"$.headers.X-All": {"present": False}}}),
            {"name": "method", "method": "delete", "path": "/", "expect": {"json": {"$.method": "DELETE"}}},
        ],
        code=0,
        defaults={"headers": {"X-All": 1}},
    )  # fmt: skip
    assert {line["outcome"] for line in found.values()} == {"passed"}


def test_no_answer_is_an_error_and_the_next_request_is_asked_all_the_same(service: str, tmp_path: Path) -> None:
    found = ran(tmp_path, service, [request("first"), request("gone", "/gone"), request("next")])
    assert [line["outcome"] for line in found.values()] == ["passed", "error", "passed"]


def test_declared_retries_are_made_and_each_is_a_line(service: str, tmp_path: Path) -> None:
    found = ran(tmp_path, service, [request("flaky", "/flaky")], code=0, retries=3)
    assert (found["flaky"]["outcome"], found["flaky"]["attempt"]) == ("passed", 3)
    assert Service.asked == ["GET /flaky"] * 3


def test_deadline_and_skip_are_told(service: str, tmp_path: Path) -> None:
    found = ran(tmp_path, service, [request("late"), request("not yet", skip="no such route yet")], code=0, deadline=-1)
    assert {line["message"] for line in found.values()} == {"the deadline had passed"}
    (tmp_path / "s.jsonl").unlink()
    assert ran(tmp_path, service, [request("x", skip="later")], code=0)["x"]["message"] == "later"
    assert Service.asked == []


def test_credentials_are_not_shown(service: str, tmp_path: Path) -> None:
    word = "-".join(("hide", "me"))
    found = ran(tmp_path, service, [request("a", headers={"Authorization": f"Bearer {word}"}, expect={"status": 404})])
    assert word not in found["a"]["request"] + found["a"]["response"].split("\n\n")[0]


def test_what_is_no_table_ends_with_two(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("[]")
    for argument in (["x.yaml"], ["none.yaml"], []):
        done = subprocess.run(
            [sys.executable, str(RUNNER), *argument], cwd=tmp_path, capture_output=True, text=True,
            env={"SANDBOX_BASE_URL": "http://x", "SANDBOX_RESULTS": str(tmp_path / "r"), "PATH": os.environ["PATH"]},
        )  # fmt: skip
        assert done.returncode == 2
        assert "no table to run" in done.stderr
        assert "Traceback" not in done.stderr
