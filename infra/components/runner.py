"""The runner of a sandbox."""

import pulumi
import pulumi_docker as docker

from infra.components.part import container, tmpfs
from infra.spec import StackSpec


class Runner(pulumi.ComponentResource):
    """Where the scripts of the regression run, inside the sandbox's network; it idles until then."""

    container: docker.Container

    def __init__(
        self, name: str, *, spec: StackSpec, network: docker.Network, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("sandbox:index:Runner", name, None, opts)
        self.container = container(
            "runner",
            spec=spec,
            network=network,
            command=["sleep", "infinity"],
            folders={"/tmp": tmpfs(spec.parts["runner"].tmpfs_mb)},  # noqa: S108
            parent=self,
        )
        self.register_outputs({"id": self.container.id})
