"""The example suites, run in the runner of a real sandbox: all pass on both plugins, and each notices a broken one."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.regression import plans, results, suites
from sandbox_suite.regression.results import Results
from sandbox_suite.regression.suites import Suite
from tests.integration.verification_sandbox import Sandbox, docker, sandbox

pytestmark = pytest.mark.docker
SUITES = suites.of_plan(plans.load(plans.DEFAULT_FILE).get("smoke"))
BROKEN = """
import http.server

class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
    do_POST = do_PUT = do_DELETE = do_GET
    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", 9000), Answer).serve_forever()
"""


@pytest.fixture(scope="module", params=["python", "node"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("suites"), language=request.param) as started:
        upload = ("exec", "-i", started.container("runner"), "tar", "-C", "/tmp", "-xf", "-")
        docker(*upload, given=archive(CHECKOUT / "examples" / "suites"))
        yield started


def archive(folder: Path) -> bytes:
    """Return a folder as a tar."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        tar.add(folder, arcname="suites")
    return raw.getvalue()


def ran(made: Sandbox, folder: Path, url: str, seconds: int = 60) -> Results:
    """Run every suite in the runner, as the role does, and read the results."""
    made.shell("runner", "rm -rf /tmp/results; mkdir /tmp/results")
    for suite in SUITES:
        made.shell("runner", script(suite, url, seconds))
    packed = docker("exec", made.container("runner"), "tar", "-C", "/tmp/results", "-cf", "-", ".")
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        tar.extractall(folder, filter="data")
    return results.read(folder, SUITES)


def script(suite: Suite, url: str, seconds: int) -> str:
    """Return the shell script that runs a suite under the script contract."""
    place = f"/tmp/results/{suite.name}"
    environment = f"SANDBOX_BASE_URL={url} SANDBOX_SUITE={suite.name} SANDBOX_RESULTS={place}.jsonl"
    command = " ".join(suite.manifest.run)
    return (
        f"cd /tmp/suites/{suite.folder.name} && PYTHONDONTWRITEBYTECODE=1 SANDBOX_DEADLINE_SECONDS={seconds}"
        f" {environment} {command} >{place}.log 2>&1; echo $? >{place}.rc"
    )


def test_every_case_passes_on_the_plugin(made: Sandbox, tmp_path: Path) -> None:
    found = ran(made, tmp_path, "http://plugin:8086")
    assert [(case.id, case.message) for case in found.cases if case.outcome != "passed"] == []
    assert len(found.cases) == 50
    assert all(case.seconds > 0 for case in found.cases if case.suite != "http-bash")


def test_nearly_every_case_fails_on_a_service_that_always_says_yes(made: Sandbox, tmp_path: Path) -> None:
    made.shell("runner", "cat >/tmp/broken.py; setsid python3 /tmp/broken.py >/dev/null 2>&1 &", given=BROKEN.encode())
    made.shell("runner", "until curl --silent http://127.0.0.1:9000; do sleep 0.05; done")
    found = ran(made, tmp_path, "http://127.0.0.1:9000")
    assert {case.id for case in found.cases if case.outcome == "passed"} <= {"http-bash/health-needs-no-tenant"}
    assert not [case for case in found.cases if case.of_suite]


def test_service_that_does_not_answer_makes_errors_not_failures(made: Sandbox, tmp_path: Path) -> None:
    found = ran(made, tmp_path, "http://127.0.0.1:9")
    assert {case.outcome for case in found.cases} == {"error"}
    assert len(found.cases) == 50


def test_cases_after_the_deadline_are_skipped(made: Sandbox, tmp_path: Path) -> None:
    found = ran(made, tmp_path, "http://plugin:8086", seconds=-1)
    assert {case.outcome for case in found.cases} == {"skipped"}
