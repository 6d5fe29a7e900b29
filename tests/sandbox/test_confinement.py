"""Every container of the sandbox: limited as planned, without privileges, labelled, with no way out."""

import json
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

LABELS = ("installation", "job", "tenant", "expires-at", "part")
OUTSIDE = "192.0.2.1"  # reserved for documentation: a way out is seen by the gateway that takes the packet
ANSWERED = ("0", "ECONNREFUSED")  # a refusal is an answer too
MEMORY = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
PIDS = ("/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max")
CPU = ("/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
PERIOD = "/sys/fs/cgroup/cpu/cpu.cfs_period_us"
ROUTES, NEIGHBOURS = "/proc/net/route", "/proc/net/arp"
STATUS = "/proc/{}/status"
FILES = (*MEMORY, *PIDS, *CPU, PERIOD, ROUTES, NEIGHBOURS, STATUS.format("self"), STATUS.format("1"), "/proc/mounts")
# Connects to several places at once, reads files (who answered is in one of them), and prints both as JSON. On one
# machine an answer takes a millisecond.
LOOK = """
import errno, json, selectors, socket, sys, time
places, files = json.loads(sys.argv[1]), json.loads(sys.argv[2])
said, read, waiting, until = {}, {}, selectors.DefaultSelector(), time.monotonic() + 0.15
for place, port in places:
    line = socket.socket()
    line.setblocking(False)
    code = line.connect_ex((place, port))
    said[place] = errno.errorcode.get(code, str(code))
    waiting.register(line, selectors.EVENT_WRITE, place)
while waiting.get_map() and time.monotonic() < until:
    for key, _ in waiting.select(until - time.monotonic()):
        code = key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        said[key.data] = errno.errorcode.get(code, str(code))
        waiting.unregister(key.fileobj)
for path in files:
    try:
        with open(path) as file:
            read[path] = file.read().strip()
    except OSError:
        pass
print(json.dumps([said, read]))
"""


@dataclass(frozen=True)
class Seen:
    """What a part of the sandbox sees."""

    reached: dict[str, str]  # place -> what came of connecting to it
    files: dict[str, str]  # path -> content, of those that it can read

    def first(self, *paths: str) -> str:
        """Return the content of the first of the files that there is."""
        for path in paths:
            if path in self.files:
                return self.files[path]
        raise AssertionError(f"none of {', '.join(paths)} can be read")

    def status(self, process: str) -> dict[str, str]:
        """Return /proc/<process>/status."""
        lines = self.first(STATUS.format(process)).splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.fixture(scope="module")
def everything(sandbox: Any) -> dict[str, Seen]:
    """What every part sees, looked at in all of them at once."""
    places = json.dumps([(OUTSIDE, 443), (gateway(sandbox), 22)])

    def look(host: Any) -> Seen:
        return Seen(*json.loads(host.check_output("python3 -c %s %s %s", LOOK, places, json.dumps(FILES))))

    return dict(sandbox.everywhere(look))


@pytest.fixture
def seen(everything: dict[str, Seen], part: str) -> Seen:
    """What the part sees that the check is about."""
    return everything[part]


def limits(plan: dict[str, Any], part: str) -> dict[str, Any]:
    """Return the limits planned for a part."""
    return dict(plan["limits"][part])


def hardened(plan: dict[str, Any], part: str, key: str) -> None:
    """Skip where the resource policy says otherwise for this part."""
    planned = limits(plan, part).get(key, True)
    if planned is False or (isinstance(planned, list) and "ALL" not in planned):
        pytest.skip(f"the resource policy says otherwise (`{key}`)")


def test_memory(seen: Seen, plan: dict[str, Any], part: str) -> None:
    """the memory limit is the planned one."""
    assert seen.first(*MEMORY) == str(limits(plan, part)["memory_mb"] << 20)


def test_processes(seen: Seen, plan: dict[str, Any], part: str) -> None:
    """the limit of processes is the planned one."""
    assert seen.first(*PIDS) == str(limits(plan, part)["pids"])


def test_cpu(seen: Seen, plan: dict[str, Any], part: str) -> None:
    """the CPU limit is the planned one."""
    quota, period = (int(word) for word in f"{seen.first(*CPU)} {seen.files.get(PERIOD, '')}".split())
    assert quota / period == pytest.approx(limits(plan, part)["cpus"], rel=0.01)


def test_no_privileges(seen: Seen, plan: dict[str, Any], part: str) -> None:
    """no capabilities, no new privileges, not root."""
    hardened(plan, part, "cap_drop")
    hardened(plan, part, "no_new_privileges")
    for process in ("self", "1"):
        found = seen.status(process)
        held = {name: found[name] for name in ("CapEff", "CapPrm", "CapBnd") if int(found[name], 16)}
        assert held == {}, f"capabilities of process {process}"
        assert found["NoNewPrivs"] == "1", f"process {process} may gain privileges"
        assert "0" not in found["Uid"].split(), f"process {process} is root"


def test_read_only_root(host: Any, seen: Seen, plan: dict[str, Any], part: str) -> None:
    """the root file system is read-only."""
    hardened(plan, part, "read_only")
    mounts = [line.split() for line in seen.first("/proc/mounts").splitlines()]
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


def gateway(sandbox: Any) -> str:
    """Return the address that the host has on the sandbox's network, or would have."""
    return str(next(ip_network(sandbox.outputs["subnet"]).hosts()))


@pytest.mark.row("S-02")
def test_no_way_out(seen: Seen) -> None:
    """no route leads out: nothing answers outside, and no gateway takes a packet there."""
    assert seen.reached[OUTSIDE] not in ANSWERED, f"{OUTSIDE} answered: {seen.reached[OUTSIDE]}"
    gateways = {line.split()[2] for line in seen.first(ROUTES).splitlines()[1:]} - {"00000000"}
    for place in map(address, gateways):
        assert neighbour(seen, place) is None, f"there is a gateway at {place}"


@pytest.mark.row("S-02")
def test_no_host_service(sandbox: Any, seen: Seen) -> None:
    """no service of the host answers through the gateway."""
    said = seen.reached[gateway(sandbox)]
    assert said not in ANSWERED, f"the host answered at {gateway(sandbox)}: {said}"


def address(number: str) -> str:
    """Return the address in a column of /proc/net/route."""
    return str(ip_address(bytes.fromhex(number)[::-1]))


def neighbour(seen: Seen, place: str) -> str | None:
    """Return the hardware address of a neighbour that answered when it was last asked for."""
    for line in seen.first(NEIGHBOURS).splitlines()[1:]:
        found, _, flags, hardware, *_ = line.split()
        if found == place and int(flags, 16):
            return hardware
    return None
