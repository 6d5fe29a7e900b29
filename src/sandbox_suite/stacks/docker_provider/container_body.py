"""A container's inputs as the engine's API wants them: pure."""

from collections.abc import Mapping
from typing import Any

from sandbox_suite.engine.labels import PIDS, URN
from sandbox_suite.stacks.docker_provider.values import labels

MEBIBYTE = 1 << 20
NANO = 1_000_000_000
SIMPLE = {  # input -> key of the body
    "command": "Cmd",
    "domainname": "Domainname",
    "entrypoints": "Entrypoint",
    "envs": "Env",
    "hostname": "Hostname",
    "image": "Image",
    "stdinOpen": "OpenStdin",
    "stopSignal": "StopSignal",
    "stopTimeout": "StopTimeout",
    "tty": "Tty",
    "user": "User",
    "workingDir": "WorkingDir",
}
HOST_SIMPLE = {  # input -> key of HostConfig
    "cpuPeriod": "CpuPeriod",
    "cpuQuota": "CpuQuota",
    "cpuSet": "CpusetCpus",
    "cpuShares": "CpuShares",
    "dns": "Dns",
    "dnsOpts": "DnsOptions",
    "dnsSearches": "DnsSearch",
    "groupAdds": "GroupAdd",
    "init": "Init",
    "ipcMode": "IpcMode",
    "pidMode": "PidMode",
    "privileged": "Privileged",
    "readOnly": "ReadonlyRootfs",
    "runtime": "Runtime",
    "securityOpts": "SecurityOpt",
    "sysctls": "Sysctls",
    "tmpfs": "Tmpfs",
    "usernsMode": "UsernsMode",
}
HOST_MEBIBYTES = {  # input in MiB -> key of HostConfig in bytes
    "memory": "Memory",
    "memoryReservation": "MemoryReservation",
    "memorySwap": "MemorySwap",
    "shmSize": "ShmSize",
}


def body(inputs: Mapping[str, Any], urn: str) -> dict[str, Any]:
    """Return the body of a container's creation."""
    found = {key: inputs[name] for name, key in SIMPLE.items() if name in inputs}
    found |= {"Labels": labels(inputs) | {URN: urn}, "HostConfig": _host(inputs)}
    primary = primary_network(inputs)
    if primary:
        found["NetworkingConfig"] = {"EndpointsConfig": {primary["name"]: endpoint(primary)}}
    return found


def primary_network(inputs: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the advanced network that the container starts on: an engine's API takes one at creation."""
    advanced = inputs.get("networksAdvanced") or []
    mode = inputs.get("networkMode") or (advanced[0]["name"] if advanced else "")
    return next((one for one in advanced if one["name"] == mode), None)


def further_networks(inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the advanced networks that the container is connected to after its creation."""
    primary = primary_network(inputs)
    return [one for one in inputs.get("networksAdvanced") or [] if one is not primary]


def endpoint(network: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of one connection."""
    address = network.get("ipv4Address")
    return {"Aliases": network.get("aliases")} | ({"IPAMConfig": {"IPv4Address": address}} if address else {})


def in_bytes(mebibytes: int) -> int:
    """Return MiB as bytes; a negative number means `unlimited` and stays."""
    return mebibytes * MEBIBYTE if mebibytes > 0 else mebibytes


def restart_policy(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the restart policy."""
    return {"Name": inputs.get("restart", "no"), "MaximumRetryCount": inputs.get("maxRetryCount", 0)}


def _host(inputs: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: inputs[name] for name, key in HOST_SIMPLE.items() if name in inputs}
    found |= {key: in_bytes(inputs[name]) for name, key in HOST_MEBIBYTES.items() if name in inputs}
    found |= {"RestartPolicy": restart_policy(inputs), "NetworkMode": _network_mode(inputs)}
    if "cpus" in inputs:
        found["NanoCpus"] = int(float(inputs["cpus"]) * NANO)
    if PIDS in labels(inputs):
        found["PidsLimit"] = int(labels(inputs)[PIDS])
    return found | _capabilities(inputs) | _lists(inputs)


def _network_mode(inputs: Mapping[str, Any]) -> str:
    primary = primary_network(inputs)
    return str(primary["name"] if primary else inputs.get("networkMode") or "default")


def _capabilities(inputs: Mapping[str, Any]) -> dict[str, Any]:
    wanted = inputs.get("capabilities") or {}
    return {key: wanted[name] for name, key in (("adds", "CapAdd"), ("drops", "CapDrop")) if wanted.get(name)}


def _lists(inputs: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if inputs.get("ulimits"):
        found["Ulimits"] = [
            {"Name": one["name"], "Soft": one["soft"], "Hard": one["hard"]} for one in inputs["ulimits"]
        ]
    if inputs.get("volumes"):
        found["Binds"] = [_bind(one) for one in inputs["volumes"]]
    return found


def _bind(volume: Mapping[str, Any]) -> str:
    source = volume.get("volumeName") or volume.get("hostPath", "")
    return f"{source}:{volume['containerPath']}" + (":ro" if volume.get("readOnly") else "")
