"""Golden images that nobody starts from any more: found by label, removed without force."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox_suite.datasets import golden
from sandbox_suite.datasets.store import Attested, Store
from sandbox_suite.engine import identity, labels

if TYPE_CHECKING:
    import docker

Image = tuple[str, int]  # reference, bytes


def unused(
    client: "docker.APIClient", home: Path, store: Store, keep: Iterable[str], used: Iterable[str], database: str
) -> list[Image]:
    """Return this installation's golden images that no kept version, job or container needs.

    `database` is the image they are made from: a kept version's golden image is the one on top of it.
    """
    ours = f"{labels.INSTALLATION}={identity.installation(home)}"
    found = client.images(golden.REPOSITORY, filters={"label": [golden.LABEL, ours]})
    wanted = {*used, *_wanted(client, store, keep, database)} if found else set()
    started = {one["ImageID"] for one in client.containers(all=True)} if found else set()
    return [
        (tag, image["Size"])
        for image in found
        for tag in image["RepoTags"] or []
        if tag not in wanted and image["Id"] not in started
    ]


def remove(client: "docker.APIClient | None", images: Iterable[Image]) -> list[Image]:
    """Remove images; return those that went. One that a container has just started from stays."""
    return [image for image in images if client and _removed(client, image[0])]


def _removed(client: "docker.APIClient", reference: str) -> bool:
    import docker

    try:
        client.remove_image(reference)
    except docker.errors.ImageNotFound:
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
    except docker.errors.ImageNotFound:
        return set()
    return {f"{golden.REPOSITORY}:{golden.cache_key(one, base)}" for one in _attested(store, keep)}


def _attested(store: Store, keep: Iterable[str]) -> list[Attested]:
    found = []
    for version in keep:
        if (store.raw(version) / "attestation.json").exists():
            manifest = store.manifest(version)
            digest, folder = manifest["digest"], store.raw(version)
            found.append(Attested(manifest["name"], manifest["version"], digest, True, "", folder, manifest, ""))
    return found
