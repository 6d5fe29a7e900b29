"""The state file and what a killed run leaves in it; what Pulumi says of a failure."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from sandbox_suite.core.errors import InfrastructureError, RequestError
from sandbox_suite.core.files import read_json, write_json
from sandbox_suite.engine.inventory import Item
from sandbox_suite.stacks import diagnosis, listing, stack, state
from sandbox_suite.stacks.spec import PARTS, PartLimits, StackSpec
from sandbox_suite.stacks.workspace import Workspace

GONE = 2**22 + 1  # above the kernel's highest process number


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    found = Workspace(tmp_path / "jobs" / "j1", "j1", tmp_path, Path("/absent/pulumi"))
    found.lay_out(spec())
    return found


def spec(subnet: str = "10.0.0.0/28") -> StackSpec:
    limits = PartLimits(cpus=1, memory_mb=64, pids=10, tmpfs_mb=8)
    return StackSpec("j1", "acme", "0a", "2026", dict.fromkeys(PARTS, "i:1"), dict.fromkeys(PARTS, limits), subnet)


def lock(workspace: Workspace, pid: int, host: str = "") -> Path:
    path = workspace.locks / "one.json"
    write_json(path, {"pid": pid, "hostname": host or socket.gethostname()})
    return path


def record(workspace: Workspace, deployment: object) -> None:
    whole = read_json(workspace.checkpoint)
    whole["checkpoint"]["latest"] = deployment
    write_json(workspace.checkpoint, whole, 0o600)


def test_a_workspace_is_laid_out_for_its_owner_alone_and_a_state_stays(workspace: Workspace) -> None:
    record(workspace, {"resources": [{"urn": "u::a", "type": "t"}]})
    workspace.lay_out(spec("10.0.0.16/28"))
    assert list(state.resources(state.latest(workspace))) == ["u::a"]
    found = workspace.spec()
    assert found is not None
    assert found.subnet == "10.0.0.16/28"
    assert not [path for path in workspace.root.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]


def test_a_salt_is_kept_for_stacks_to_come_until_the_passphrase_is_another(
    workspace: Workspace, tmp_path: Path
) -> None:
    salted = workspace.settings_file.read_text() + "encryptionsalt: v1:salt\n"
    workspace.settings_file.write_text(salted)
    workspace.keep_salt()
    other = Workspace(tmp_path / "jobs" / "j2", "j2", tmp_path, Path("/absent/pulumi"))
    other.lay_out(spec())
    assert "encryptionsalt: v1:salt" in other.settings_file.read_text()

    passphrase = tmp_path / "secrets" / "pulumi-passphrase"
    passphrase.write_text("another")
    os.utime(passphrase, ns=(2**62, 2**62))
    third = Workspace(tmp_path / "jobs" / "j3", "j3", tmp_path, Path("/absent/pulumi"))
    third.lay_out(spec())
    assert "encryptionsalt" not in third.settings_file.read_text()


def test_what_a_killed_run_left_is_settled(workspace: Workspace) -> None:
    record(workspace, {"resources": [], "pending_operations": [{"type": "creating"}, {"type": "creating"}]})
    left = lock(workspace, GONE)
    assert state.settle(workspace) == state.Interruption(locks=1, pending=2)
    assert not left.exists()
    assert not state.settle(workspace)


def test_a_lock_whose_number_belongs_to_another_program_now_is_nobodys(workspace: Workspace) -> None:
    lock(workspace, os.getpid())
    assert state.settle(workspace).locks == 1


def test_a_lock_of_another_machine_is_respected(workspace: Workspace) -> None:
    left = lock(workspace, GONE, "elsewhere")
    with pytest.raises(InfrastructureError, match=rf"process {GONE} on elsewhere"):
        state.settle(workspace)
    assert left.exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"checkpoint": null}'])
def test_a_broken_state_reads_as_an_empty_one(workspace: Workspace, content: str) -> None:
    workspace.checkpoint.write_text(content)
    assert state.latest(workspace) == {}
    assert state.outputs({}) == {}


def test_a_comparison_names_what_is_gone_and_what_is_another() -> None:
    before: dict[str, dict[str, Any]] = {
        "u::a": {"id": "1"},
        "u::b": {"id": "1", "inputs": {"memory": 1}},
        "u::c": {"id": "1"},
    }
    after: dict[str, dict[str, Any]] = {"u::a": {"id": "1"}, "u::b": {"id": "1", "inputs": {"memory": 2}}}
    assert state.compare(before, after) == {"removed": ["c"], "changed": ["b"]}


def test_stacks_are_listed_with_what_the_engine_holds_orphans_too(workspace: Workspace, tmp_path: Path) -> None:
    lock(workspace, GONE)
    held = [
        Item("container", "sbx-j1-plugin", "1", "j1", "acme", "plugin", "2026", "running"),
        Item("container", "sbx-j1-runner", "2", "j1", "acme", "runner", "2026", "exited"),
        Item("network", "sbx-j9", "3", "j9", "acme", "", "2027", "", "10.0.0.32/28"),
    ]
    first, orphan = listing.stacks(tmp_path, held)
    assert (first.job, first.running, first.interrupted, first.subnet) == ("j1", 1, True, "10.0.0.0/28")
    assert (orphan.job, orphan.orphaned, orphan.subnet, orphan.expires_at) == ("j9", True, "10.0.0.32/28", "2027")
    assert listing.stacks(tmp_path, None)[0].running is None


def test_a_job_is_found_by_the_beginning_of_its_id_where_that_is_its_alone(
    workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "jobs" / "j12" / "stack").mkdir(parents=True)
    (tmp_path / "jobs" / "k" / "stack").mkdir(parents=True)
    names = {asked: listing.folder_of(tmp_path, asked) for asked in ("j1", "j12", "k", "j", "z")}
    assert {asked: folder.name if folder else None for asked, folder in names.items()} == {
        "j1": "j1",
        "j12": "j12",
        "k": "k",
        "j": None,
        "z": None,
    }


def test_without_the_pulumi_engine_nothing_is_begun(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="no Pulumi engine at /absent/pulumi"):
        stack.up(tmp_path / "j1", spec(), Path("/absent/pulumi"))
    assert not (tmp_path / "j1").exists()


def test_a_job_without_a_stack_has_nothing_to_refresh(tmp_path: Path) -> None:
    pulumi = tmp_path / "pulumi"
    pulumi.touch(mode=0o755)
    with pytest.raises(RequestError, match="job `j1` has no stack"):
        stack.refresh(tmp_path / "j1", "j1", pulumi)


def test_pulumis_diagnostics_are_told_without_their_frame() -> None:
    output = """ code: 255
 stdout: Updating (s):
Diagnostics:
  pulumi:pulumi:Stack (s):
    error: update failed
  docker:index:Container (c):
    error:   sdk-v2/provider.go:515: Docker: no such image
    error: docker:index/network:Network resource 'n' has a problem: `ports` is unknown
    error: rpc error: code = Unknown desc = Docker: no space
    error: rpc error: code = Unknown desc = Docker: no space
Traceback (most recent call last):
  File "x.py", line 3
"""
    assert diagnosis.of(output).splitlines() == [
        "Docker: no such image",
        "docker:index/network:Network resource 'n' has a problem: `ports` is unknown",
        "Docker: no space",
    ]
    assert diagnosis.of("one\n\ntwo\n") == "one\ntwo"
    assert diagnosis.of("") == "it gave no reason"


def test_a_spec_in_a_stacks_settings_is_what_the_program_reads(workspace: Workspace) -> None:
    import yaml

    values = yaml.safe_load(workspace.settings_file.read_text())["config"]["sandbox:spec"]
    assert StackSpec.read(json.dumps(values)) == workspace.spec()


def test_a_state_folder_that_cannot_be_written_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("a file in the way")
    pulumi = tmp_path / "pulumi"
    pulumi.touch(mode=0o755)
    workspace = Workspace(tmp_path / "jobs" / "j1", "j1", tmp_path, pulumi)
    with (
        pytest.raises(InfrastructureError, match="the state of stack sandbox-j1 cannot be kept"),
        stack.held(workspace),
    ):
        pass
