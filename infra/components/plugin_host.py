"""The plugin host of a sandbox."""

import pulumi
import pulumi_docker as docker

from infra.components.part import container, tmpfs
from infra.spec import StackSpec

OWNER = 10001  # uid and gid of powerx in the image


class PluginHost(pulumi.ComponentResource):
    """Where the plugin under test is deployed and runs; it idles until then."""

    container: docker.Container

    def __init__(
        self, name: str, *, spec: StackSpec, network: docker.Network, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("sandbox:index:PluginHost", name, None, opts)
        limits = spec.parts["plugin"]
        self.container = container(
            "plugin",
            spec=spec,
            network=network,
            command=["sleep", "infinity"],
            folders={
                "/var/lib/powerx/plugins": tmpfs(limits.tmpfs_mb, OWNER),
                "/tmp": tmpfs(limits.tmp_mb),  # noqa: S108
            },
            parent=self,
        )
        self.register_outputs({"id": self.container.id})
