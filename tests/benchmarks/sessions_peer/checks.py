"""Thirty checks of a container, by testinfra over a session. The container and the socket are in the environment."""

import os
from typing import Any

import pytest

from sandbox_suite.sessions import testinfra
from sandbox_suite.sessions.client import Client


@pytest.fixture(scope="session")
def host() -> Any:
    """testinfra's host."""
    return testinfra.host(Client(os.environ["SANDBOX_BENCH_SOCKET"], os.environ["SANDBOX_BENCH_CONTAINER"], "powerx"))


@pytest.mark.parametrize("path", ["/", "/etc", "/tmp", "/usr/bin", "/scratch"])
def test_is_a_directory(host: Any, path: str) -> None:
    assert host.file(path).is_directory


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/group", "/etc/hostname", "/etc/os-release", "/usr/bin/python3"])
def test_is_there_and_not_ours(host: Any, path: str) -> None:
    assert host.file(path).exists
    assert host.file(path).user == "root"


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/group", "/etc/nsswitch.conf"])
def test_is_for_all_to_read(host: Any, path: str) -> None:
    assert host.file(path).mode == 0o644


@pytest.mark.parametrize("name", ["root", "powerx", "nobody"])
def test_user_is_known(host: Any, name: str) -> None:
    assert host.user(name).exists


@pytest.mark.parametrize("name", ["root", "powerx", "users"])
def test_group_is_known(host: Any, name: str) -> None:
    assert host.group(name).exists


@pytest.mark.parametrize("name", ["base-files", "bash", "coreutils"])
def test_package_is_installed(host: Any, name: str) -> None:
    assert host.package(name).is_installed


@pytest.mark.parametrize("path", ["/nope", "/etc/nope", "/usr/nope"])
def test_nothing_can_be_written_there(host: Any, path: str) -> None:
    assert host.run("touch %s", path).failed


@pytest.mark.parametrize("command", ["true", "id -u | grep -qv '^0$'", "grep -q '^CapEff:\t0*$' /proc/self/status"])
def test_command_succeeds(host: Any, command: str) -> None:
    assert host.run(command).succeeded


def test_process_is_ours(host: Any) -> None:
    assert host.process.filter(comm="sleep")


def test_environment_has_a_path(host: Any) -> None:
    assert "/usr/bin" in host.environment()["PATH"]
