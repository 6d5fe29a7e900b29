"""Golden images and volumes that nobody starts from or clones any more: found by label, removed without force."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox_suite.datasets import golden
from sandbox_suite.datasets.store import Attested, Store
from sandbox_suite.engine import identity, labels

if TYPE_CHECKING:
    import docker

Image = tuple[str, int]  # reference and bytes of an image; name of a volume, whose bytes the engine does not tell: 0


def unused(
    client: "docker.APIClient", home: Path, store: Store, keep: Iterable[str], used: Iterable[str], database: str
) -> list[Image]:
    """Return this installation's golden images and volumes that no kept version, job or container needs.

    `database` is the image they are made from: a kept version's golden image is the one on top of it.
    """
    keys = _wanted(client, store, keep, database)
    return [*_images(client, home, keys, used), *_volumes(client, home, keys)]


def _images(client: "docker.APIClient", home: Path, keys: Iterable[str], used: Iterable[str]) -> list[Image]:
    ours = f"{labels.INSTALLATION}={identity.installation(home)}"
    found = client.images(golden.REPOSITORY, filters={"label": [golden.LABEL, ours]})
    wanted = {*used, *(f"{golden.REPOSITORY}:{key}" for key in keys)}
    started = {one["ImageID"] for one in client.containers(all=True)} if found else set()
    return [
        (tag, image["Size"])
        for image in found
        for tag in image["RepoTags"] or []
        if tag not in wanted and image["Id"] not in started
    ]


def _volumes(client: "docker.APIClient", home: Path, keys: Iterable[str]) -> list[Image]:
    ours = f"{golden.OWNER}={identity.installation(home)}"
    found = client.volumes(filters={"label": [golden.LABEL, ours]})["Volumes"] or []
    return [(volume["Name"], 0) for volume in found if volume["Labels"][golden.LABEL] not in {*keys}]


def remove(client: "docker.APIClient | None", images: Iterable[Image]) -> list[Image]:
    """Remove images and volumes; return those that went. One that a container has just taken up stays."""
    return [image for image in images if client and _removed(client, image[0])]


def _removed(client: "docker.APIClient", name: str) -> bool:
    import docker

    try:
        (client.remove_image if name.startswith(f"{golden.REPOSITORY}:") else client.remove_volume)(name)
    except docker.errors.NotFound:
        return False
    except docker.errors.APIError as error:
        if error.status_code == 409:  # in use
            return False
        raise
    return True


def _wanted(client: "docker.APIClient", store: Store, keep: Iterable[str], database: str) -> set[str]:
    import docker

    try:
        base = client.inspect_image(database)["Id"]
    except docker.errors.NotFound:
        return set()
    return {golden.cache_key(one, base) for one in _attested(store, keep)}


def _attested(store: Store, keep: Iterable[str]) -> list[Attested]:
    found = []
    for version in keep:
        if (store.raw(version) / "attestation.json").exists():
            manifest = store.manifest(version)
            digest, folder = manifest["digest"], store.raw(version)
            found.append(Attested(manifest["name"], manifest["version"], digest, True, "", folder, manifest, ""))
    return found
