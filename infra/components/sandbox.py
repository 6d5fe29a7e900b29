"""A whole sandbox."""

from typing import Any

import pulumi
import pulumi_docker as docker

from infra.components.database import Database
from infra.components.network import SandboxNetwork
from infra.components.plugin_host import PluginHost
from infra.components.runner import Runner
from infra.spec import USERS, StackSpec


class Sandbox(pulumi.ComponentResource):
    """Database, plugin host and runner on a network of their own."""

    facts: dict[str, Any]  # what is exported

    def __init__(self, name: str, *, spec: StackSpec, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("sandbox:index:Sandbox", name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        network = SandboxNetwork(spec.name, spec=spec, opts=inside).network
        containers = {
            "database": Database(f"{spec.name}-database", spec=spec, network=network, opts=inside).container,
            "plugin": PluginHost(f"{spec.name}-plugin", spec=spec, network=network, opts=inside).container,
            "runner": Runner(f"{spec.name}-runner", spec=spec, network=network, opts=inside).container,
        }
        self.facts = {
            "job": spec.job,
            "tenant": spec.tenant,
            "network": network.name,
            "subnet": spec.subnet,
            "expires_at": spec.expires_at,
            "containers": {part: _facts(part, one) for part, one in containers.items()},
        }
        self.register_outputs({"containers": self.facts["containers"]})


def _facts(part: str, container: docker.Container) -> dict[str, Any]:
    return {"name": container.name, "id": container.id, "image": container.image, "user": USERS[part]}
