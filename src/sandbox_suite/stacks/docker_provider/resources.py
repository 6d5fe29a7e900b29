"""The resources that this provider knows; the container, being the largest, in a module of its own."""

from collections.abc import Mapping
from typing import Any

from sandbox_suite.engine.labels import URN
from sandbox_suite.stacks.docker_provider.base import Found, Inputs, OwnershipError, Resource, owned
from sandbox_suite.stacks.docker_provider.container import Container
from sandbox_suite.stacks.docker_provider.values import labels


class Network(Resource):
    """docker:index/network:Network."""

    def create(self, inputs: Inputs, urn: str) -> Found:
        """Make it, or adopt the one a killed run left."""
        there = self._named(inputs["name"])
        if there is None:
            there = self.client.inspect_network(self._make(inputs, urn)["Id"])
        elif (there.get("Labels") or {}).get(URN) != urn:
            raise OwnershipError(owned("network", inputs["name"], there.get("Labels")))
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
            raise OwnershipError(owned("volume", inputs["name"], there.get("Labels")))
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
