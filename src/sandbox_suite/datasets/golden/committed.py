"""Golden databases as committed images: a sandbox's database copies the image's cluster into memory when it starts."""

from collections.abc import Mapping
from typing import Any

from sandbox_suite.datasets.golden.names import LABEL, PGDATA, REPOSITORY


def builder(client: Any, image: str, name: str) -> str:
    """Return the id of a container whose database works on its image's own cluster."""
    host = client.create_host_config(
        init=True, network_mode="none", cap_drop=["ALL"], security_opt=["no-new-privileges"]
    )
    made = client.create_container(
        image, ["start-database"], name=name, environment={"PGDATA": PGDATA}, host_config=host
    )
    return str(made["Id"])


def keep(client: Any, container: str, base: Mapping[str, Any], labels: Mapping[str, str]) -> None:
    """Commit a stopped builder. The configuration is the image's own: PGDATA of the build stays out of sandboxes."""
    configuration = dict(base["Config"])
    configuration["Labels"] = {**(configuration.get("Labels") or {}), **labels}
    client.commit(container, REPOSITORY, tag=labels[LABEL], conf=configuration)


def exists(client: Any, reference: str) -> bool:
    """Whether there is an image."""
    from docker.errors import ImageNotFound

    try:
        client.inspect_image(reference)
    except ImageNotFound:
        return False
    return True
