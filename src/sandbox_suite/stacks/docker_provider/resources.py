"""Each resource on the engine: create (adopting our own orphans), read, update, delete."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox_suite.engine.labels import URN
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
from sandbox_suite.stacks.docker_provider.values import labels

if TYPE_CHECKING:
    import docker

Inputs = Mapping[str, Any]


class OwnershipError(Exception):
    """Something of that name is there and is not ours."""


@dataclass(frozen=True)
class Found:
    """What a resource is on the engine: its id, its inputs as they are now, and its further outputs."""

    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]


class Resource(ABC):
    """One kind of resource."""

    def __init__(self, client: "docker.APIClient") -> None:
        self.client = client

    @abstractmethod
    def create(self, inputs: Inputs, urn: str) -> Found:
        """Make it. One that is there with the same URN was left by a killed run, and is taken over."""

    @abstractmethod
    def read(self, id_: str, inputs: Inputs) -> Found | None:
        """Return what it is now; None where it is gone."""

    def update(self, id_: str, inputs: Inputs) -> None:  # noqa: B027 - what has nothing to update inherits this
        """Change it in place."""

    @abstractmethod
    def delete(self, id_: str, inputs: Inputs) -> None:
        """Remove it; NotFound is fine."""


class Network(Resource):
    """docker:index/network:Network."""

    def create(self, inputs: Inputs, urn: str) -> Found:
        """Make it, or adopt the one a killed run left."""
        there = self._named(inputs["name"])
        if there is None:
            there = self.client.inspect_network(self._make(inputs, urn)["Id"])
        elif (there.get("Labels") or {}).get(URN) != urn:
            raise OwnershipError(_owned("network", inputs["name"], there.get("Labels")))
        return _network(there, inputs)

    def read(self, id_: str, inputs: Inputs) -> Found | None:
        """Return what it is now."""
        return _network(self.client.inspect_network(id_), inputs)

    def delete(self, id_: str, inputs: Inputs) -> None:
        """Remove it."""
        self.client.remove_network(id_)

    def _named(self, name: str) -> dict[str, Any] | None:
        # The engine's filter finds parts of names too.
        found = [one for one in self.client.networks(names=[name]) if one["Name"] == name]
        return found[0] if found else None

    def _make(self, inputs: Inputs, urn: str) -> dict[str, Any]:
        made: dict[str, Any] = self.client.create_network(
            inputs["name"],
            driver=inputs.get("driver", "bridge"),
            options=inputs.get("options"),
            ipam=_ipam(inputs),
            check_duplicate=True,
            internal=inputs.get("internal", False),
            labels=labels(inputs) | {URN: urn},
            enable_ipv6=inputs.get("ipv6", False),
            attachable=inputs.get("attachable"),
        )
        return made


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
        except BaseException:
            self.client.remove_container(id_, force=True, v=True)
            raise
        return _container(self.client.inspect_container(id_), inputs)

    def read(self, id_: str, inputs: Inputs) -> Found | None:
        """Return what it is now; one that must run and does not counts as gone."""
        there = self.client.inspect_container(id_)
        if inputs.get("mustRun", True) and inputs.get("start", True) and not there["State"]["Running"]:
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
                raise OwnershipError(_owned("container", name, there["Config"]["Labels"]))
            self.client.remove_container(there["Id"], force=True, v=True)
        except docker.errors.NotFound:
            return

    def _connect(self, id_: str, network: Mapping[str, Any]) -> None:
        more = endpoint(network)
        self.client.connect_container_to_network(
            id_,
            network["name"],
            aliases=more["Aliases"],
            ipv4_address=more.get("IPAMConfig", {}).get("IPv4Address"),
        )


class Volume(Resource):
    """docker:index/volume:Volume."""

    def create(self, inputs: Inputs, urn: str) -> Found:
        """Make it; the engine answers with the one that is there, if one is."""
        there = self.client.create_volume(
            inputs["name"],
            driver=inputs.get("driver", "local"),
            driver_opts=inputs.get("driverOpts"),
            labels=labels(inputs) | {URN: urn},
        )
        if (there.get("Labels") or {}).get(URN) != urn:
            raise OwnershipError(_owned("volume", inputs["name"], there.get("Labels")))
        return _volume(there, inputs)

    def read(self, id_: str, inputs: Inputs) -> Found | None:
        """Return what it is now."""
        return _volume(self.client.inspect_volume(id_), inputs)

    def delete(self, id_: str, inputs: Inputs) -> None:
        """Remove it."""
        self.client.remove_volume(id_)


class RemoteImage(Resource):
    """docker:index/remoteImage:RemoteImage: looked up, neither pulled nor removed."""

    def create(self, inputs: Inputs, urn: str) -> Found:
        """Find it."""
        return _image(self.client.inspect_image(inputs["name"]), inputs)

    def read(self, id_: str, inputs: Inputs) -> Found | None:
        """Find it again."""
        return _image(self.client.inspect_image(inputs["name"]), inputs)

    def delete(self, id_: str, inputs: Inputs) -> None:
        """Leave it: `keepLocally` is true."""


KINDS: dict[str, type[Resource]] = {
    "docker:index/container:Container": Container,
    "docker:index/network:Network": Network,
    "docker:index/volume:Volume": Volume,
    "docker:index/remoteImage:RemoteImage": RemoteImage,
}


def _owned(kind: str, name: str, found: Mapping[str, str] | None) -> str:
    owner = (found or {}).get(URN)
    by = f"belongs to {owner}" if owner else "was not made by Pulumi"
    return f"{kind} `{name}` is there already and {by}: remove it, or choose another name"


def _ipam(inputs: Inputs) -> dict[str, Any] | None:
    if not inputs.get("ipamConfigs"):
        return None
    keys = {"subnet": "Subnet", "gateway": "Gateway", "ipRange": "IPRange", "auxAddress": "AuxiliaryAddresses"}
    pools = [{keys[name]: value for name, value in one.items()} for one in inputs["ipamConfigs"]]
    return {"Driver": inputs.get("ipamDriver", "default"), "Config": pools, "Options": inputs.get("ipamOptions")}


def _network(there: Mapping[str, Any], inputs: Inputs) -> Found:
    return Found(there["Id"], dict(inputs), {"driver": there["Driver"], "scope": there["Scope"]})


def _volume(there: Mapping[str, Any], inputs: Inputs) -> Found:
    return Found(there["Name"], dict(inputs), {"driver": there["Driver"], "mountpoint": there["Mountpoint"]})


def _image(there: Mapping[str, Any], inputs: Inputs) -> Found:
    digests = there.get("RepoDigests") or [""]
    return Found(there["Id"], dict(inputs), {"imageId": there["Id"], "repoDigest": digests[0]})


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
