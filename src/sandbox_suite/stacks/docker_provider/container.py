"""docker:index/container:Container on the engine."""

from collections.abc import Mapping
from typing import Any

from sandbox_suite.engine.labels import URN
from sandbox_suite.stacks.docker_provider.base import Found, Inputs, OwnershipError, Resource, StartError, owned
from sandbox_suite.stacks.docker_provider.container_body import (
    HOST_MEBIBYTES,
    HOST_SIMPLE,
    MEBIBYTE,
    body,
    endpoint,
    further_networks,
    in_bytes,
    restart_policy,
)
from sandbox_suite.stacks.docker_provider.tables import CONTAINER


class Container(Resource):
    """docker:index/container:Container."""

    def create(self, inputs: Inputs, urn: str) -> Found:
        """Make and start it; one that a killed run left is removed first, since nobody knows how far it came."""
        self._remove_orphan(inputs["name"], urn)
        id_: str = self.client.create_container_from_config(body(inputs, urn), inputs["name"])["Id"]
        try:
            for network in further_networks(inputs):
                self._connect(id_, network)
            if inputs.get("start", True):
                self.client.start(id_)
            there = self.client.inspect_container(id_)
            if _must_run(inputs) and not there["State"]["Running"]:
                raise StartError(self._last_words(id_, there["State"]["ExitCode"]))
        except BaseException:
            self.client.remove_container(id_, force=True, v=True)
            raise
        return _container(there, inputs)

    def read(self, id_: str, inputs: Inputs) -> Found | None:
        """Return what it is now; one that must run and does not counts as gone."""
        there = self.client.inspect_container(id_)
        if _must_run(inputs) and not there["State"]["Running"]:
            return None
        return _container(there, inputs)

    def update(self, id_: str, inputs: Inputs) -> None:
        """Set the limits and the restart policy."""
        host = {HOST_SIMPLE[name]: inputs[name] for name in inputs if name in HOST_SIMPLE and name in CONTAINER.updates}
        memory = {key: in_bytes(inputs[name]) for name, key in HOST_MEBIBYTES.items() if name in inputs}
        memory.pop("ShmSize", None)
        self.client.update_container(
            id_,
            cpu_period=host.get("CpuPeriod"),
            cpu_quota=host.get("CpuQuota"),
            cpu_shares=host.get("CpuShares"),
            cpuset_cpus=host.get("CpusetCpus"),
            mem_limit=memory.get("Memory"),
            mem_reservation=memory.get("MemoryReservation"),
            memswap_limit=memory.get("MemorySwap"),
            restart_policy=restart_policy(inputs),
        )

    def delete(self, id_: str, inputs: Inputs) -> None:
        """Remove it by force, after the grace it was given."""
        if inputs.get("destroyGraceSeconds"):
            self.client.stop(id_, timeout=inputs["destroyGraceSeconds"])
        self.client.remove_container(id_, force=True, v=inputs.get("removeVolumes", True))

    def _remove_orphan(self, name: str, urn: str) -> None:
        import docker

        try:
            there = self.client.inspect_container(name)
            if (there["Config"]["Labels"] or {}).get(URN) != urn:
                raise OwnershipError(owned("container", name, there["Config"]["Labels"]))
            self.client.remove_container(there["Id"], force=True, v=True)
        except docker.errors.NotFound:
            return

    def _last_words(self, id_: str, code: int) -> str:
        said = self.client.logs(id_, tail=3).decode(errors="replace").strip()
        return f"it ended at once with code {code}" + (f": {said}" if said else "")

    def _connect(self, id_: str, network: Mapping[str, Any]) -> None:
        more = endpoint(network)
        self.client.connect_container_to_network(
            id_,
            network["name"],
            aliases=more["Aliases"],
            ipv4_address=more.get("IPAMConfig", {}).get("IPv4Address"),
        )


def _must_run(inputs: Inputs) -> bool:
    return bool(inputs.get("mustRun", True) and inputs.get("start", True))


def _container(there: Mapping[str, Any], inputs: Inputs) -> Found:
    attached = there["NetworkSettings"]["Networks"]
    datas = [
        {
            "networkName": name,
            "ipAddress": one["IPAddress"],
            "ipPrefixLength": one["IPPrefixLen"],
            "gateway": one["Gateway"],
            "macAddress": one["MacAddress"],
        }
        for name, one in attached.items()
    ]
    outputs = {"hostname": there["Config"]["Hostname"], "networkDatas": datas}
    return Found(there["Id"], dict(inputs) | _drift(there, inputs), outputs)


def _drift(there: Mapping[str, Any], inputs: Inputs) -> dict[str, Any]:
    """Return the inputs that somebody changed on the running container, as they are now."""
    host, now = there["HostConfig"], dict[str, Any]()
    for name, key in HOST_SIMPLE.items():
        if name in inputs and name in CONTAINER.updates and host[key] != inputs[name]:
            now[name] = host[key]
    for name, key in HOST_MEBIBYTES.items():
        if name in inputs and name in CONTAINER.updates and host[key] != in_bytes(inputs[name]):
            now[name] = host[key] // MEBIBYTE
    if "restart" in inputs and (host["RestartPolicy"]["Name"] or "no") != inputs["restart"]:
        now["restart"] = host["RestartPolicy"]["Name"]
    attached = there["NetworkSettings"]["Networks"]
    known = set(attached) | {one["NetworkID"] for one in attached.values()}
    stays = [one for one in inputs.get("networksAdvanced") or [] if one["name"] in known]
    if stays != (inputs.get("networksAdvanced") or []):
        now["networksAdvanced"] = stays
    return now
