"""Scripts that hang, fork away, flood, crash or kill: each is ended with all it started and told as what it was."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox_suite.regression import endings, results
from sandbox_suite.regression.results import Case, Results
from sandbox_suite.regression.suites import Manifest, Suite
from tests.integration.converge_sandbox import Sandbox, docker, sandbox

pytestmark = pytest.mark.docker

PASS = """printf '{"case": "%s", "outcome": "passed"}\\n' a >>"$SANDBOX_RESULTS"\n"""
FORKS_TWICE = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        os.closerange(0, 64)
        time.sleep(7001)
    os._exit(0)
time.sleep(0.1)
"""
BOMB = """
import os, time
until = time.monotonic() + 30
while time.monotonic() < until:
    try:
        if os.fork() == 0:
            os.setsid()
    except OSError:
        pass
"""
KILLS_ITS_WATCHER = """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    time.sleep(7004)
os.kill(os.getppid(), signal.SIGKILL)
time.sleep(7005)
"""
FILLS = """
import os
os.chdir(os.environ["TMPDIR"])
for number in range(400):
    with open(str(number), "wb") as file:
        file.write(bytes(1 << 20))
"""
SCRIPTS: dict[str, tuple[str, dict[str, Any]]] = {
    "good": (PASS, {}),
    "hangs": (PASS + "trap '' TERM; sleep 7000 & sleep 7000", {"timeout_seconds": 1}),
    "asked": ("trap 'echo asked; exit 0' TERM; sleep 7000 & wait", {"timeout_seconds": 1}),
    "forks-away": (PASS + f"python3 -c '{FORKS_TWICE}'", {}),
    "nohup": (PASS + "nohup setsid sleep 7002 >/dev/null 2>&1 &", {}),
    "floods": (PASS + "cat /dev/zero", {}),
    "chatty": (PASS + "seq 1 400000; echo the last words", {}),
    "crashes": (PASS + "kill -SEGV $$", {}),
    "aborts": ("python3 -c 'import os; os.abort()'", {}),
    "code": (PASS + "exit 7", {}),
    "says-124": (PASS + "exit 124", {}),
    "writes-much": (PASS + 'head -c 200M /dev/zero >"$TMPDIR/x"; exit $?', {}),
    "tee": (PASS + "exec > >(sleep 0.05; cat); echo the last words", {}),
    "names": (PASS + 'echo "$0 $1"', {"run": ["bash", "run.sh", "${SANDBOX_SUITE}-${HOME}"]}),
    "absent": ("", {"run": ["no-such-program"]}),
    "plain-file": ("", {"run": ["./run.sh"]}),
    "binary": ("", {"run": ["./true", "--version"]}),
    "stream": ("echo 1..2; echo ok 1 - a; echo noise >&2; echo not ok 2 - b; exit 1", {"stdout": "tap"}),
    "folder": (
        'cd "$SANDBOX_RESULTS_DIR"; mkdir sub; ln -s /etc/passwd link.xml; echo "<testsuite><testcase name=\\"x\\"/>'
        '</testsuite>" >sub/one.xml; cp sub/one.xml two.xml; printf "1..1\\nok 1 - t\\n" >t.tap; ' + PASS,
        {},
    ),
}  # fmt: skip
ALONE: dict[str, tuple[str, dict[str, Any]]] = {
    "kills-watcher": (PASS + f"exec python3 -c '{KILLS_ITS_WATCHER}'", {}),
    "bomb": (PASS + f"python3 -c '{BOMB}' & sleep 1", {}),
    "after": (PASS, {}),
    "fills": (f"python3 -c '{FILLS}'; {PASS}", {}),
}


@dataclass
class Ran:
    """What came of the scripts."""

    made: Sandbox
    folder: Path
    found: Results

    def ending(self, suite: str) -> endings.Ending:
        """Return how a suite's script ended."""
        told = endings.read(self.folder / "results", suite)
        assert told
        return told

    def cases(self, suite: str) -> dict[str, str]:
        """Return outcomes by case."""
        return {case.name: case.outcome for case in self.found.cases if case.suite == suite}

    def trouble(self, suite: str) -> str:
        """Return the words of a suite's own case."""
        found: list[Case] = [case for case in self.found.cases if case.suite == suite and case.of_suite]
        return found[0].message if found else ""

    def notes(self, suite: str) -> str:
        """Return what is noted of a suite."""
        return "\n".join(note for note in self.found.notes if note.startswith(f"suite {suite}:"))

    def log(self, suite: str) -> bytes:
        """Return a suite's log."""
        return (self.folder / "results" / f"{suite}.log").read_bytes()


def written(folder: Path, name: str, script: str, **more: Any) -> Suite:
    """Write a suite of one shell script."""
    (folder / name).mkdir(parents=True)
    (folder / name / "run.sh").write_text(script)
    manifest = {"name": name, "language": "bash", "run": ["bash", "run.sh"], "timeout_seconds": 20, **more}
    return Suite(Manifest.model_validate(manifest), folder / name)


def run(made: Sandbox, suites: list[Suite], run_id: str, parallel: int) -> Ran:
    """Run suites by the role and collect what they left."""
    attempt = {"r1": 1, "r2": 2}[run_id]
    variables = {
        "suite_run_id": run_id,
        "suite_run_parallel": parallel,
        "suite_run_suites": [suite.entry() for suite in suites],
    }
    done = made.run("run-regression", "regress", variables, attempt=attempt)
    done.raise_for_failure()
    artifacts = made.folder / f"artifacts-{run_id}"
    fetched = {"report_collect_folder": str(artifacts), "report_collect_run_id": run_id}
    made.run("collect-reports", "collect", fetched, attempt=attempt).raise_for_failure()
    return Ran(made, artifacts, results.read(artifacts, suites))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("home")) as there:
        yield there


@pytest.fixture(scope="module")
def ran(made: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("suites")
    suites = [written(folder, name, script, **more) for name, (script, more) in SCRIPTS.items()]
    packed = docker("exec", made.container("runner"), "base64", "/bin/true")
    (folder / "binary" / "true").write_bytes(base64.b64decode(packed))
    (folder / "binary" / "true").chmod(0o755)
    return run(made, suites, "r1", 4)


def test_good_one_is_good(ran: Ran) -> None:
    assert ran.cases("good") == {"a": "passed"}
    assert (ran.ending("good").how, ran.ending("good").code) == ("exited", 0)


def test_hanging_script_is_ended_at_its_timeout_even_where_it_will_not_listen(ran: Ran) -> None:
    assert ran.cases("hangs") == {"a": "passed", "(suite)": "error"}
    assert "it timed out" in ran.trouble("hangs")


def test_script_is_asked_to_end_before_it_is_killed(ran: Ran) -> None:
    assert ran.log("asked") == b"asked\n"
    assert "it timed out" in ran.trouble("asked")


def test_children_that_forked_away_are_ended_and_noted(ran: Ran) -> None:
    assert ran.cases("forks-away") == ran.cases("nohup") == {"a": "passed"}
    assert "1 processes that the script left behind were ended: python3" in ran.notes("forks-away")
    assert "1 processes that the script left behind were ended: sleep" in ran.notes("nohup")


def test_nothing_of_any_script_is_left_in_the_container(ran: Ran) -> None:
    left = [line for line in ran.made.shell("runner", "ps -eo args").splitlines() if "sleep" in line or "fork" in line]
    assert [line for line in left if "infinity" not in line] == []
    assert ran.made.shell("runner", "ls -A /tmp/results.scratch 2>/dev/null || true") == ""


def test_script_that_prints_without_end_is_ended(ran: Ran) -> None:
    assert "it printed 64" in ran.trouble("floods")
    assert len(ran.log("floods")) < 1_100_000


def test_long_output_keeps_its_beginning_and_its_end(ran: Ran) -> None:
    log = ran.log("chatty")
    assert log.startswith(b"1\n2\n")
    assert log.endswith(b"the last words\n")
    assert b"[cut: " in log
    assert "the output was cut" in ran.notes("chatty")
    assert ran.cases("chatty") == {"a": "passed"}


def test_crash_is_told_by_its_signal_and_an_exit_code_by_its_number(ran: Ran) -> None:
    assert "killed by signal 11 (segmentation fault)" in ran.trouble("crashes")
    assert "exit code 134" in ran.trouble("aborts")
    assert "exit code 7" in ran.trouble("code")
    assert "exit code 124" in ran.trouble("says-124")
    assert ran.ending("says-124").how == "exited"


def test_file_without_end_is_cut_off(ran: Ran) -> None:
    assert ran.ending("writes-much").code != 0


def test_last_words_through_a_pipe_of_the_script_are_kept(ran: Ran) -> None:
    assert ran.log("tee") == b"the last words\n"
    assert ran.notes("tee") == ""


def test_only_our_variables_are_filled_in_in_a_command(ran: Ran) -> None:
    assert ran.log("names") == b"run.sh names-${HOME}\n"


def test_program_that_cannot_be_started_is_told_with_what_to_do(ran: Ran) -> None:
    assert "could not be started" in ran.trouble("absent")
    assert "`runner_packages`" in ran.trouble("absent")
    assert "start a script through its interpreter" in ran.trouble("plain-file")


def test_binary_of_a_suite_runs_though_its_folder_is_not_executable(ran: Ran) -> None:
    assert b"coreutils" in ran.log("binary")
    assert ran.ending("binary").code == 0


def test_standard_output_is_read_where_it_is_tap(ran: Ran) -> None:
    assert ran.cases("stream") == {"a": "passed", "b": "failed"}
    assert b"noise" in ran.log("stream")


def test_every_file_in_the_folder_of_results_is_read(ran: Ran) -> None:
    assert ran.cases("folder") == {"a": "passed", "x": "passed", "t": "passed", "(suite)": "error"}
    assert ran.trouble("folder") == "could not be kept: link.xml: no plain file"
    (case,) = [case for case in ran.found.cases if case.id == "folder/x"]
    assert "reported more than once" in case.message


@pytest.fixture(scope="module")
def alone(made: Sandbox, ran: Ran, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("alone")
    return run(made, [written(folder, name, script, **more) for name, (script, more) in ALONE.items()], "r2", 1)


def test_script_that_kills_its_watcher_is_told_and_ended(alone: Ran) -> None:
    assert "was killed: how it ended is not known" in alone.trouble("kills-watcher")
    assert alone.cases("kills-watcher")["a"] == "passed"
    assert "sleep 700" not in alone.made.shell("runner", "ps -eo args")


def test_fork_bomb_is_ended_and_the_next_suite_has_room(alone: Ran) -> None:
    assert alone.ending("bomb").unended == 0
    assert alone.cases("bomb")["a"] == alone.cases("after")["a"] == "passed"


def test_script_that_fills_the_disk_hides_nothing(alone: Ran) -> None:
    assert alone.ending("fills").how == "exited"
    assert alone.trouble("fills")
    summary = json.loads(alone.made.shell("runner", "cat /tmp/results/run.json"))
    assert [suite["name"] for suite in summary["suites"]] == list(ALONE)
