"""Limits that only the engine's own API can set."""

from typing import TYPE_CHECKING

from sandbox_suite.engine import inventory, labels

if TYPE_CHECKING:
    import docker


def apply_pids(client: "docker.APIClient", installation: str, job: str) -> None:
    """Set the limit of processes that each container's label carries, where another one is set.

    The embedded provider creates containers with it; the official one has no input for it.
    """
    for container in inventory.containers(client, installation, job):
        there = client.inspect_container(container.id)
        wanted = int(there["Config"]["Labels"].get(labels.PIDS, 0))
        if wanted and there["HostConfig"]["PidsLimit"] != wanted:
            url = f"{client.base_url}/v{client.api_version}/containers/{container.id}/update"
            client.post(url, json={"PidsLimit": wanted}, timeout=client.timeout).raise_for_status()
