"""Golden databases as volumes of the engine: clones share their blocks where the file system can, else are copies.

A volume carries no mark that could be set when it is whole, so a file beside the locks says it: volume and its birth.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox_suite.core.files import read_json, write_json
from sandbox_suite.datasets.golden.names import CLUSTER, FOLDER, LABEL, OWNER
from sandbox_suite.engine.labels import INSTALLATION

# What a killed build left in the volume goes first: nobody knows how far it came.
BUILD = f'rm -rf "{CLUSTER}" "{CLUSTER}.new" && exec start-database'


def whole(client: Any, volume: str, locks: Path) -> bool:
    """Whether a golden volume is there, and is the one whose build ended well."""
    try:
        told = read_json(_mark(volume, locks))
    except (OSError, ValueError):
        return False
    return bool(told == _identity(client, volume))


def begin(client: Any, volume: str, locks: Path, labels: Mapping[str, str]) -> None:
    """Make the volume where it is missing; from now on it does not count as whole."""
    _mark(volume, locks).unlink(missing_ok=True)
    owner = {OWNER: labels[INSTALLATION]} if INSTALLATION in labels else {}
    client.create_volume(volume, labels={LABEL: labels[LABEL], **owner})


def builder(client: Any, image: str, name: str) -> str:
    """Return the id of a container whose database works on the cluster in the volume of its name."""
    return hardened(client, image, BUILD, {name: FOLDER}, name=name)


def finish(client: Any, volume: str, locks: Path) -> None:
    """Let the volume count as whole."""
    write_json(_mark(volume, locks), _identity(client, volume), mode=0o600)


def hardened(client: Any, image: str, script: str, mounts: Mapping[str, str], **more: Any) -> str:
    """Return the id of a container that runs a script on volumes (name -> place, or place:ro), and can do little else.

    An empty volume takes the owner of the image's folder at its place: the database's.
    """
    host = client.create_host_config(
        init=True,
        read_only=True,
        network_mode="none",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        tmpfs={"/tmp": "rw,noexec,nosuid,nodev,size=64m,mode=1777"},  # noqa: S108
        binds=[f"{volume}:{place}" for volume, place in mounts.items()],
    )
    made = client.create_container(
        image, ["sh", "-c", script], environment={"PGDATA": CLUSTER}, host_config=host, **more
    )
    return str(made["Id"])


def _identity(client: Any, volume: str) -> dict[str, str]:
    import docker

    try:
        found = client.inspect_volume(volume)
    except docker.errors.NotFound:
        return {}
    return {"volume": volume, "created": found["CreatedAt"]}


def _mark(volume: str, locks: Path) -> Path:
    return locks / f"{volume}.volume"
