"""The database of a sandbox."""

import pulumi
import pulumi_docker as docker

from infra.components.part import container, tmpfs
from infra.spec import StackSpec

OWNER = 10000  # uid and gid of postgres in the image
FOLDER = "/data/run"


class Database(pulumi.ComponentResource):
    """PostgreSQL on a cluster in memory, copied at start from its image's, or on a volume of the sandbox's own."""

    container: docker.Container

    def __init__(
        self, name: str, *, spec: StackSpec, network: docker.Network, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("sandbox:index:Database", name, None, opts)
        limits = spec.parts["database"]
        memory = {} if spec.cluster else {FOLDER: tmpfs(limits.tmpfs_mb, OWNER)}
        self.container = container(
            "database",
            spec=spec,
            network=network,
            command=["start-database"],
            environment={"PGDATA": f"{FOLDER}/pg"},
            folders={**memory, "/tmp": tmpfs(limits.tmp_mb)},  # noqa: S108
            volumes={spec.cluster: FOLDER} if spec.cluster else {},
            parent=self,
        )
        self.register_outputs({"id": self.container.id})
