"""Bad input: each gives what is wrong, what was left as it was, what to do; nothing half-made stays."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from sandbox_suite.core.settings import CHECKOUT
from tests.e2e.conftest import Ended, Invoke
from tests.e2e.traces import Traces

SUITES = CHECKOUT / "config" / "plugins" / "debug" / "data_suite.yaml"
POLICY = CHECKOUT / "config" / "masking" / "customers-qa.yaml"
EXAMPLE = CHECKOUT / "examples" / "plugins" / "customer-desk-python"


def refused(ended: Ended, *words: str, code: int = 2) -> None:
    """Check that a run ended with `code`, said each of `words`, and said it to a person."""
    assert ended.code == code, ended.err
    for word in words:
        assert word in ended.err, ended.err
    assert "Traceback" not in ended.err
    assert "hint:" in ended.err
    assert "left as it was:" in ended.err


@pytest.fixture(autouse=True)
def _nothing_stays(invoke: Invoke, traces: Traces) -> object:
    before, jobs = traces.left(), _jobs(invoke.home)
    yield
    assert traces.left() == before
    assert _jobs(invoke.home) == jobs


def _jobs(home: Path) -> set[str]:
    return {path.name for path in home.glob("jobs/*")}


def test_unknown_plan_names_the_known_ones(invoke: Invoke) -> None:
    refused(invoke("sandbox.run", "--plan", "smoky"), "unknown plan `smoky`", "smoke-node")


def test_unknown_dataset_names_the_known_ones(invoke: Invoke) -> None:
    refused(
        invoke("sandbox.run", "--plan", "smoke", "--dataset", "customers@1"), "customers@1", "customer-sample@2025-01"
    )


def test_unknown_plugin(invoke: Invoke) -> None:
    refused(invoke("sandbox.run", "--plan", "smoke", "--plugin", "com.acme.none@1.0.0"), "com.acme.none@1.0.0")


def test_unknown_tenant_names_the_known_ones(invoke: Invoke) -> None:
    refused(invoke("sandbox.run", "--plan", "smoke", "--tenant", "nobody"), "unknown tenant `nobody`", "default")


def test_threshold_that_is_no_number_or_unknown_both_at_once(invoke: Invoke) -> None:
    arguments = ("--threshold", "pass_rate=high", "--threshold", "speed=1")
    refused(invoke("sandbox.run", "--plan", "smoke", *arguments), "`high` is not a number", "`speed=1`")


def test_feature_flag_off_and_permission_missing_both_at_once(invoke: Invoke, tmp_path: Path) -> None:
    shutil.copytree(CHECKOUT / "config", tmp_path / "config")
    access = {"feature_flags": {"plugin-sandbox-suite": False, "sandbox-dataset-v2": True}, "accounts": {"*": []}}
    (tmp_path / "config" / "access.yaml").write_text(yaml.safe_dump(access))
    ended = invoke("sandbox.run", "--plan", "smoke", environment={"SANDBOX_CONFIG": str(tmp_path / "config")})
    refused(ended, "`plugin-sandbox-suite` is off", "lacks the permission `sandbox:execute`")


def test_manifest_broken_in_several_places_gets_every_mistake_with_its_line(invoke: Invoke, tmp_path: Path) -> None:
    folder = tmp_path / "plugin"
    shutil.copytree(EXAMPLE, folder)
    text = (folder / "plugin.yaml").read_text()
    text = text.replace("version: 1.2.0", "version: one").replace("kind: process", "kind: container")
    (folder / "plugin.yaml").write_text(text)
    ended = invoke("sandbox.run", "--plan", "smoke", "--plugin", str(folder))
    refused(ended, "plugin.yaml:4", "plugin.yaml:8", "version", "kind")


def packed(invoke: Invoke, tmp_path: Path) -> Path:
    ended = invoke("plugin.pack", str(EXAMPLE), "--out", str(tmp_path))
    assert ended.code == 0, ended.err
    return next(tmp_path.glob("*.pxp"))


def test_wrong_signature(invoke: Invoke, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    foreign = Invoke(tmp_path_factory.mktemp("foreign"))
    package = packed(foreign, tmp_path)
    refused(invoke("sandbox.run", "--plan", "smoke", "--plugin", str(package)), "sign")


def test_wrong_package_hash(invoke: Invoke, tmp_path: Path) -> None:
    package = packed(invoke, tmp_path)
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    subprocess.run(["tar", "xzf", package, "-C", unpacked], check=True)
    (unpacked / "backend" / "server.py").write_text("print('not what was signed')\n")
    names = sorted(str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file())
    subprocess.run(["tar", "czf", package, "--mode=0644", "-C", unpacked, *names], check=True)
    refused(invoke("sandbox.run", "--plan", "smoke", "--plugin", str(package)), "hash")


def test_policy_that_is_broken_in_several_places(invoke: Invoke, tmp_path: Path) -> None:
    policy = yaml.safe_load(POLICY.read_text())
    policy["default"] = "allow"
    policy["colour"] = "green"
    refused(invoke("sandbox.run", "--plan", "smoke", environment=_plans(tmp_path, policy)), "default", "colour")


def test_docker_does_not_answer(invoke: Invoke, tmp_path: Path) -> None:
    surroundings = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock", "SANDBOX_SETUP": "never"}
    refused(invoke("sandbox.run", "--plan", "smoke", environment=surroundings), "docker", code=5)


def test_pulumi_missing_with_setup_never(invoke: Invoke, tmp_path: Path) -> None:
    surroundings = {"SANDBOX_CACHE": str(tmp_path / "cache"), "SANDBOX_SETUP": "never"}
    refused(invoke("sandbox.run", "--plan", "smoke", environment=surroundings), "pulumi", code=5)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_disk_full_in_the_state_folder(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)], check=True)
    try:
        (small / "fill").write_bytes(b"x" * (1 << 20 - 1))
        refused(Invoke(small / "home")("sandbox.run", "--plan", "smoke"), "full", code=5)
        assert not list(small.glob("home/jobs/*"))
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_state_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    import sqlite3

    home = tmp_path / "home"
    home.mkdir()
    with sqlite3.connect(home / "jobs.sqlite") as connection:
        connection.execute("PRAGMA user_version=99")
    ended = Invoke(home)("sandbox.list")
    refused(ended, "newer release", code=5)


def _plans(tmp_path: Path, policy: dict[str, object]) -> dict[str, str]:
    """Write a policy and plans that name it; return the environment that makes a run use them."""
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(policy, allow_unicode=True))
    plans = yaml.safe_load(SUITES.read_text())
    plans["plans"]["smoke"]["policy"] = str(tmp_path / "policy.yaml")
    (tmp_path / "plans.yaml").write_text(yaml.safe_dump(plans, allow_unicode=True))
    return {"SANDBOX_SUITES_CONFIG": str(tmp_path / "plans.yaml")}
