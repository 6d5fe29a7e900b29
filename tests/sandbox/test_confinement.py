"""Every container of the sandbox: limited as planned, without privileges, labelled, with no way out."""

import json
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

LABELS = ("installation", "job", "tenant", "expires-at", "part")
OUTSIDE = "192.0.2.1"  # reserved for documentation: a way out is seen by the gateway that takes the packet
ANSWERED = ("0", "ECONNREFUSED")  # a refusal is an answer too
# Connects to several places at once and prints place -> how that ended; on one machine an answer takes a millisecond.
REACH = """
import errno, json, selectors, socket, sys, time
said, waiting, until = {}, selectors.DefaultSelector(), time.monotonic() + 0.15
for place, port in zip(sys.argv[1::2], sys.argv[2::2]):
    line = socket.socket()
    line.setblocking(False)
    code = line.connect_ex((place, int(port)))
    said[place] = errno.errorcode.get(code, str(code))
    waiting.register(line, selectors.EVENT_WRITE, place)
while waiting.get_map() and time.monotonic() < until:
    for key, _ in waiting.select(until - time.monotonic()):
        code = key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        said[key.data] = errno.errorcode.get(code, str(code))
        waiting.unregister(key.fileobj)
print(json.dumps(said))
"""


def read(host: Any, *paths: str) -> str:
    """Return the content of the first of the files that there is."""
    for path in paths:
        done = host.run("cat %s", path)
        if done.rc == 0:
            return str(done.stdout).strip()
    raise AssertionError(f"none of {', '.join(paths)} can be read")


def status(host: Any, process: str = "self") -> dict[str, str]:
    """Return /proc/<process>/status."""
    lines = str(host.check_output("cat /proc/%s/status", process)).splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def limits(plan: dict[str, Any], part: str) -> dict[str, Any]:
    """Return the limits planned for a part."""
    return dict(plan["limits"][part])


def hardened(plan: dict[str, Any], part: str, key: str) -> None:
    """Skip where the resource policy says otherwise for this part."""
    planned = limits(plan, part).get(key, True)
    if planned is False or (isinstance(planned, list) and "ALL" not in planned):
        pytest.skip(f"the resource policy says otherwise (`{key}`)")


def test_memory(host: Any, plan: dict[str, Any], part: str) -> None:
    """the memory limit is the planned one."""
    found = read(host, "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
    assert found == str(limits(plan, part)["memory_mb"] << 20)


def test_processes(host: Any, plan: dict[str, Any], part: str) -> None:
    """the limit of processes is the planned one."""
    assert read(host, "/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max") == str(limits(plan, part)["pids"])


def test_cpu(host: Any, plan: dict[str, Any], part: str) -> None:
    """the CPU limit is the planned one."""
    found = host.run(
        "cat /sys/fs/cgroup/cpu.max || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us"
    )
    quota, period = (int(word) for word in found.stdout.split())
    assert quota / period == pytest.approx(limits(plan, part)["cpus"], rel=0.01)


def test_no_privileges(host: Any, plan: dict[str, Any], part: str) -> None:
    """no capabilities, no new privileges, not root."""
    hardened(plan, part, "cap_drop")
    hardened(plan, part, "no_new_privileges")
    for process in ("self", "1"):
        found = status(host, process)
        held = {name: found[name] for name in ("CapEff", "CapPrm", "CapBnd") if int(found[name], 16)}
        assert held == {}, f"capabilities of process {process}"
        assert found["NoNewPrivs"] == "1", f"process {process} may gain privileges"
        assert "0" not in found["Uid"].split(), f"process {process} is root"


def test_read_only_root(host: Any, plan: dict[str, Any], part: str) -> None:
    """the root file system is read-only."""
    hardened(plan, part, "read_only")
    mounts = [line.split() for line in read(host, "/proc/mounts").splitlines()]
    options = next(mount[3] for mount in mounts if mount[1] == "/").split(",")
    assert "ro" in options
    assert host.run("touch /usr/written /etc/written").rc != 0


def test_labels(sandbox: Any, part: str) -> None:
    """the labels say whose it is and how long it may live."""
    found = sandbox.inspected[part]["Config"]["Labels"]
    assert {name: bool(found.get(f"sandbox-suite.{name}")) for name in LABELS} == dict.fromkeys(LABELS, True)
    assert (found["sandbox-suite.job"], found["sandbox-suite.part"]) == (sandbox.job, part)
    assert found["sandbox-suite.tenant"] == sandbox.plan["tenant"]


def test_one_network(sandbox: Any, part: str) -> None:
    """it is on the sandbox's network and on no other, and nothing of the host is mounted."""
    found = sandbox.inspected[part]
    assert list(found["NetworkSettings"]["Networks"]) == [sandbox.outputs["network"]]
    assert [mount for mount in found["Mounts"] if mount["Type"] == "bind"] == []
    assert found["HostConfig"]["Privileged"] is False


@pytest.fixture(scope="module")
def reached(sandbox: Any) -> dict[str, dict[str, str]]:
    """What came of connecting outside and to the gateway, from every part at once: part -> place -> outcome."""

    def connect(host: Any) -> dict[str, str]:
        return dict(json.loads(host.check_output("python3 -c %s %s 443 %s 22", REACH, OUTSIDE, gateway(sandbox))))

    return dict(sandbox.everywhere(connect))


def gateway(sandbox: Any) -> str:
    """Return the address that the host has on the sandbox's network, or would have."""
    return str(next(ip_network(sandbox.outputs["subnet"]).hosts()))


@pytest.mark.row("S-02")
def test_no_way_out(host: Any, reached: dict[str, dict[str, str]], part: str) -> None:
    """no route leads out: nothing answers outside, and no gateway takes a packet there."""
    assert reached[part][OUTSIDE] not in ANSWERED, f"{OUTSIDE} answered: {reached[part][OUTSIDE]}"
    gateways = {line.split()[2] for line in read(host, "/proc/net/route").splitlines()[1:]} - {"00000000"}
    for place in map(address, gateways):
        assert neighbour(host, place) is None, f"there is a gateway at {place}"


@pytest.mark.row("S-02")
def test_no_host_service(sandbox: Any, reached: dict[str, dict[str, str]], part: str) -> None:
    """no service of the host answers through the gateway."""
    said = reached[part][gateway(sandbox)]
    assert said not in ANSWERED, f"the host answered at {gateway(sandbox)}: {said}"


def address(number: str) -> str:
    """Return the address in a column of /proc/net/route."""
    return str(ip_address(bytes.fromhex(number)[::-1]))


def neighbour(host: Any, place: str) -> str | None:
    """Return the hardware address of a neighbour that answered when it was last asked for."""
    for line in read(host, "/proc/net/arp").splitlines()[1:]:
        found, _, flags, hardware, *_ = line.split()
        if found == place and int(flags, 16):
            return hardware
    return None
