"""Removing what belongs to a job, by label alone: works when every record of it is lost."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.engine import inventory

if TYPE_CHECKING:
    import docker

ATTEMPTS = 5
PAUSE_SECONDS = 0.2  # the engine needs a moment to let go of an endpoint or a container that is being removed


def sweep(client: "docker.APIClient", installation: str, job: str) -> list[str]:
    """Remove everything of a job: containers by force with their volumes, then networks, then volumes.

    Return what was removed. What belongs to others and merely hangs on a job's network is taken off it, not removed.
    """
    if not (installation and job):
        raise InfrastructureError("a sweep needs an installation and a job", remedy="name both")
    removed: list[str] = []
    for attempt in range(ATTEMPTS):
        found = inventory.items(client, installation, job)
        if not found:
            return removed
        if attempt:
            time.sleep(PAUSE_SECONDS)
        removed += [str(one) for one in _round(client, found) if str(one) not in removed]
    left = inventory.items(client, installation, job)
    if left:
        raise InfrastructureError(
            f"job `{job}`: the engine does not let go of {', '.join(map(str, left))}",
            left="everything else of the job is removed" if removed else "nothing was removed",
            remedy="look at the engine's log, then repeat `./invoke sandbox.destroy`",
        )
    return removed


def _round(client: "docker.APIClient", found: list[inventory.Item]) -> list[inventory.Item]:
    gone: list[inventory.Item] = []
    for kind in ("container", "network", "volume"):
        several = [one for one in found if one.kind == kind]
        with ThreadPoolExecutor(max(1, len(several))) as pool:
            removed = list(pool.map(lambda one: _remove(client, one), several))
        gone += [one for one, ok in zip(several, removed, strict=True) if ok]
    return gone


def _remove(client: "docker.APIClient", one: inventory.Item) -> bool:
    """Return whether it is gone; a refusal is left for the next round."""
    import docker

    try:
        if one.kind == "container":
            client.remove_container(one.id, force=True, v=True)
        elif one.kind == "network":
            _take_off(client, one.id)
            client.remove_network(one.id)
        else:
            client.remove_volume(one.id, force=True)
    except docker.errors.NotFound:
        return True
    except docker.errors.APIError:
        return False
    return True


def _take_off(client: "docker.APIClient", network: str) -> None:
    for container in client.inspect_network(network)["Containers"] or {}:
        client.disconnect_container_from_network(container, network, force=True)
