"""Ten checks of each container, thirty in all; the floor makes the same ones."""

import pytest


@pytest.mark.parametrize("line", ["CapEff:.*0000000000000000", "NoNewPrivs:.*1", "Seccomp:.*2"])
def test_first_process_is_confined(host, line):
    assert host.file("/proc/1/status").contains(line)


def test_not_root(host):
    assert host.user().uid != 0


@pytest.mark.parametrize("path", ["/etc/passwd", "/usr/bin/python3"])
def test_system_files_are_roots(host, path):
    assert host.file(path).user == "root"


def test_tmp_is_there(host):
    assert host.file("/tmp").is_directory


def test_no_engine_inside(host):
    assert not host.file("/var/run/docker.sock").exists


def test_memory_is_limited(host):
    files = "/sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes"  # cgroup v2, v1
    assert host.check_output(f"cat {files} 2>/dev/null | grep -xE '[0-9]{{1,12}}'")


def test_no_sudo(host):
    assert not host.exists("sudo")
