"""The 30 checks, ten for each container."""

import pytest


@pytest.mark.parametrize("capability", ["CapPrm", "CapInh"])
def test_status_is_readable(host, capability):
    assert host.file("/proc/1/status").contains(capability)


def test_not_root(host):
    assert host.user().name != "root"


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/group", "/usr/bin/python3"])
def test_system_files_are_roots(host, path):
    assert host.file(path).user == "root"


def test_tmp_is_there(host):
    assert host.file("/tmp").is_directory


def test_no_engine_inside(host):
    assert not host.file("/var/run/docker.sock").exists


def test_python_answers(host):
    assert host.check_output("python3 -c 'print(1)'") == "1"


def test_no_sudo(host):
    assert not host.exists("sudo")
