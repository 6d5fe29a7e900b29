"""The network of a sandbox."""

import pulumi
import pulumi_docker as docker

from infra.components.labels import labels
from infra.spec import StackSpec


class SandboxNetwork(pulumi.ComponentResource):
    """A bridge of its own: parts find each other by name, nothing leads out, and the host has no address on it."""

    network: docker.Network

    def __init__(self, name: str, *, spec: StackSpec, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("sandbox:index:Network", name, None, opts)
        self.network = docker.Network(
            name,
            name=spec.name,
            driver="bridge",
            internal=spec.internal,
            # Without an address of the bridge a container reaches none of the host's services through the gateway.
            options={"com.docker.network.bridge.inhibit_ipv4": "true"} if spec.internal else {},
            ipam_configs=[docker.NetworkIpamConfigArgs(subnet=spec.subnet)],
            labels=[docker.NetworkLabelArgs(label=key, value=value) for key, value in labels(spec).items()],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"name": self.network.name})
