"""Whether a run may be a child of the forkserver: only with the settings that Ansible was warmed with."""

import os
from pathlib import Path

import pytest

from sandbox_suite.converge import warm
from sandbox_suite.converge.configuration import environment, forkserver_environment
from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.launch import kinds, warming

READ = {"ANSIBLE_PIPELINING": "True", "ANSIBLE_ROLES_PATH": "/roles"}
OURS = {"SANDBOX_FORKSERVER": "/run/forkserver.sock"}


def test_a_run_with_the_settings_that_were_read_is_warm_whatever_else_its_environment_holds() -> None:
    wanted = {**READ, "SANDBOX_JOB": "j1", "HOME": "/x", "ANSIBLE_LOCAL_TEMP": "/x/tmp"}
    assert warm.why_cold(wanted, OURS, READ) == ""


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"ANSIBLE_PIPELINING": "False"}, "ANSIBLE_PIPELINING"),
        ({"ANSIBLE_STRATEGY": "free"}, "ANSIBLE_STRATEGY"),
        ({"ANSIBLE_STRATEGY": "free", "ANSIBLE_ROLES_PATH": "/y"}, "ANSIBLE_ROLES_PATH, ANSIBLE_STRATEGY"),
    ],
)
def test_a_run_with_other_settings_is_cold_and_they_are_named(change: dict[str, str], named: str) -> None:
    assert warm.why_cold(READ | change, OURS, READ).endswith(f"with other settings: {named}")


def test_a_run_that_leaves_out_a_setting_is_cold() -> None:
    assert warm.why_cold({"ANSIBLE_PIPELINING": "True"}, OURS, READ).endswith("ANSIBLE_ROLES_PATH")


def test_a_step_run_by_hand_is_cold() -> None:
    assert warm.why_cold(READ, {}, READ) == "no forkserver started this process"


def test_a_forkserver_without_ansible_is_of_no_use() -> None:
    assert warm.why_cold(READ, OURS, {}) == "the forkserver has no Ansible"


def test_a_socket_at_which_nobody_answers_makes_the_run_cold_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_FORKSERVER", str(tmp_path / "none.sock"))
    monkeypatch.setattr(warming, "_read", READ)
    said: list[str] = []
    run = warm.Run(["play.yml"], READ, said.append)
    assert run.start(str(tmp_path)) is None
    assert not run.warm
    assert len(said) == 1
    assert said[0].startswith("Ansible starts cold: ")
    assert "does not answer" in said[0]


def test_a_child_refuses_settings_that_differ_from_those_that_were_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "_read", READ)
    for name in [name for name in os.environ if name.startswith("ANSIBLE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ANSIBLE_PIPELINING", "True")
    with pytest.raises(InfrastructureError, match="other settings: ANSIBLE_ROLES_PATH"):
        kinds.ansible_playbook("play.yml")


def test_what_a_forkserver_is_started_with_contains_the_settings_of_every_run(tmp_path: Path) -> None:
    started = forkserver_environment(tmp_path)
    wanted = warming.settings_of(environment(tmp_path))
    assert started.keys() >= wanted.keys()
    different = {name for name in wanted if started[name] != wanted[name]}
    assert different == {"ANSIBLE_CALLBACK_PLUGINS"}  # ansible-runner adds its own folder
    assert started["ANSIBLE_HOME"] == str(tmp_path / "ansible")


def test_a_terminal_has_pexpects_size_and_does_not_echo() -> None:
    import termios

    ours, theirs = warm._terminal()
    assert os.get_terminal_size(ours) == (80, 24)
    assert not termios.tcgetattr(theirs)[3] & termios.ECHO
    os.close(ours)
    os.close(theirs)
