"""Starters: each becomes a suite that holds, under the name asked for, or nothing is made."""

import http.server
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox_suite.core.errors import InfrastructureError, RequestError
from sandbox_suite.core.findings import errors
from sandbox_suite.regression import starters, suites

SCRIPTED = ("python", "node", "bash", "http")


@pytest.mark.parametrize("language", SCRIPTED)
def test_starter_is_a_suite_without_findings_that_declares_its_cases(language: str, tmp_path: Path) -> None:
    made = starters.make(language, "first-one", tmp_path)
    suite = suites.load(made.folder)
    assert (suite.name, suite.manifest.language, made.to_do) == ("first-one", language, "")
    assert len(suite.manifest.cases) >= 3
    assert "suite.yaml" in made.files
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first-one"]


def test_every_mistake_of_a_wish_comes_at_once_and_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(RequestError) as caught:
        starters.make("perl", "../x", tmp_path)
    assert len(caught.value.explanation.what.splitlines()) == 2
    assert list(tmp_path.iterdir()) == []


def test_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "mine").write_text("mine")
    with pytest.raises(RequestError, match="is there already"):
        starters.make("bash", "x", tmp_path)
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["mine"]


@pytest.mark.parametrize("name", ["1.0", "true", "null", "1e3", "2025-01-01"])
def test_name_that_yaml_would_take_for_something_else_stays_a_name(name: str, tmp_path: Path) -> None:
    assert suites.load(starters.make("http", name, tmp_path).folder).name == name


def test_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="could not be made"):
        starters.make("bash", "x", tmp_path / "file")


@pytest.mark.parametrize("language", sorted(starters.TOOLS))
def test_without_its_tool_a_starter_is_made_and_says_what_to_run(
    language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    made = starters.make(language, "later", tmp_path)
    assert made.to_do == "sh build.sh"
    (finding,) = errors(suites.look_at(made.folder, "later")[0])
    assert finding.id == "suite-not-built"
    assert "run `sh build.sh` in its folder" in finding.message


def test_build_that_fails_is_told_with_its_words_and_the_suite_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "go").write_text("#!/bin/sh\necho no such module >&2\nexit 1\n")
    (tools / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    with pytest.raises(InfrastructureError, match="no such module"):
        starters.make("go", "x", tmp_path)
    assert (tmp_path / "x" / "suite.yaml").exists()


class Desk(http.server.BaseHTTPRequestHandler):
    """As much of the example plugin as the starters ask for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        status, body = 200, '{"status": "ok"}'
        if self.path.startswith("/api/v1/customers"):
            body = '{"items": [{"customer_id": 1}, {"customer_id": 2}]}'
            status = 200 if self.headers.get("X-PowerX-Tenant") else 401
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def desk() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
@pytest.mark.parametrize("language", sorted(starters.TOOLS))
def test_built_starter_passes_against_what_it_asks_for(language: str, desk: str, tmp_path: Path) -> None:
    tool = starters.TOOLS[language]
    if not shutil.which(tool):
        pytest.skip(f"`{tool}` is not on this machine, and the starter is built with it")
    suite = suites.load(starters.make(language, "built", tmp_path).folder)
    results = tmp_path / "built.jsonl"
    environment = {**os.environ, "SANDBOX_BASE_URL": desk, "SANDBOX_RESULTS": str(results)}
    done = subprocess.run(suite.manifest.run, cwd=suite.folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert [(line["case"], line["outcome"]) for line in lines] == [(case, "passed") for case in suite.manifest.cases]
    environment["SANDBOX_BASE_URL"] = "http://127.0.0.1:9"
    assert subprocess.run(suite.manifest.run, cwd=suite.folder, env=environment, capture_output=True).returncode == 1
    outcomes = {json.loads(line)["outcome"] for line in results.read_text().splitlines()[len(lines) :]}
    assert outcomes == {"error"}
