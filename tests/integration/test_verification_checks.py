"""The checks of tests/sandbox: a sandbox as it should be passes them all; each thing left open is found."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox_suite.core.files import read_json
from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.verification.model import ROWS, Verification
from tests.integration.verification_sandbox import Sandbox, sandbox

pytestmark = pytest.mark.docker
STILL_RIGHT = {
    "it is on the sandbox's network and on no other, and nothing of the host is mounted",
    "pg_stat_statements counts queries",
    "the database refuses the role without its password",
    "the package's signature is that of the recorded signer, over the recorded content",
    "the plugin answers on its health address, through the sandbox's network",
    "the plugin has no child process",
    "the plugin's directory is its own user's, and closed to others",
    "the role works in its own schema",
    "the role's password is long and random, kept by the database as a SCRAM verifier only",
    "the table holds what was attested, and nothing was written since",
    "under that filter a fork fails; outside of it, one works",
}
RUN = """
import sys
from pathlib import Path
from sandbox_suite.core.settings import load
from sandbox_suite.verification import running
home = Path(sys.argv[2])
used = load(home / "none.yaml", {"SANDBOX_HOME": str(home)})
running.run(sys.argv[1], used.job(sys.argv[1]), used)
"""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("sound")) as made:
        yield made


@pytest.fixture(scope="module")
def open_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox that nothing confines."""
    home = tmp_path_factory.mktemp("open")
    with sandbox(home, hardening=(), network=(), confine="", role="LOGIN SUPERUSER") as made:
        plan = read_json(made.folder / "plan.json")
        for limits in plan["limits"].values():
            limits.update(cpus=2, memory_mb=64, pids=7)
        plan["dataset"]["proofs"][0]["expected"] = "12345"
        plan["tenant"] = "another"
        (made.folder / "plan.json").write_text(json.dumps(plan))
        written = "UPDATE dataset.orders SET sku = sku WHERE order_id = 7"  # as many rows as before
        made.shell("database", f"psql -Xq -d sandbox -c '{written}'")
        made.shell("plugin", f"echo '#' >>/var/lib/powerx/plugins/{plan['plugin']['id']}/package/backend/server.py")
        made.shell("plugin", "mkdir /var/lib/powerx/plugins/neighbour")
        made.shell("database", "psql -Xq -d sandbox -c 'CREATE TABLE public.others (id int)'")
        yield made


def verified(made: Sandbox) -> Verification:
    """Run the verification in a process of its own, as a job does."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, made.job, str(made.settings.home)], capture_output=True, text=True, cwd="/"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Verification.from_dict(read_json(made.folder / "verification.json"))


def test_sound_sandbox_proves_every_row(sound: Sandbox) -> None:
    found = verified(sound)
    assert found.failed == ()
    assert found.complete
    assert found.rows == dict.fromkeys(ROWS, "proved")
    assert len(found.checks) >= 30


def test_everything_left_open_is_found(open_one: Sandbox) -> None:
    found = verified(open_one)
    assert found.rows == dict.fromkeys(ROWS, "failed") | {"S-15": "proved"}
    # What is right even there: it says that the other checks do not simply fail everywhere.
    assert {check.name.split(":")[-1].strip() for check in found.checks if check.outcome == "passed"} == STILL_RIGHT


def test_a_row_written_since_the_proof_is_found(open_one: Sandbox) -> None:
    outcomes = {
        check.name.partition(":")[0]: check.outcome
        for check in verified(open_one).checks
        if "written since" in check.name
    }
    assert outcomes == {"customers": "failed", "orders": "failed", "notes": "passed"}


def test_by_hand_without_a_job_it_says_which_option_is_missing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/sandbox"], capture_output=True, text=True, cwd=CHECKOUT
    )
    said = (done.stdout + done.stderr).strip()
    assert done.returncode == 4
    assert "--job JOB" in said
    assert len(said.splitlines()) <= 2


def test_by_hand_with_a_job_it_checks_that_sandbox(sound: Sandbox) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/sandbox", "--job", sound.job],
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
        env={
            "SANDBOX_HOME": str(sound.settings.home),
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(Path(CHECKOUT, "src")),
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
