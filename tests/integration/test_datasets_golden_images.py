"""Golden images are cleared away by a real engine: those nobody needs, of this installation alone."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from sandbox_suite import engine
from sandbox_suite.datasets import golden, golden_images
from sandbox_suite.datasets.store import Store
from sandbox_suite.engine import labels

pytestmark = pytest.mark.docker
MARK = "gctest"


@pytest.fixture
def client() -> Iterator[docker.APIClient]:
    client = engine.client()
    yield client
    for found in client.containers(all=True, filters={"label": f"{MARK}=yes"}):
        client.remove_container(found["Id"], force=True)
    for image in client.images(golden.REPOSITORY, filters={"label": f"{MARK}=yes"}):
        client.remove_image(image["Id"], force=True)
    client.close()


def image(client: docker.APIClient, tag: str, home: Path) -> str:
    """Make an image with one small file that looks like a golden one of the installation at `home`."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        name = tarfile.TarInfo(f"{tag}-{engine.installation(home)}")  # images of one content are one image
        tar.addfile(name, io.BytesIO())
    owner = f"LABEL {labels.INSTALLATION}={engine.installation(home)} {golden.LABEL}={tag} {MARK}=yes"
    client.import_image_from_data(content.getvalue(), golden.REPOSITORY, tag, changes=[owner])
    return f"{golden.REPOSITORY}:{tag}"


def there(client: docker.APIClient) -> set[str]:
    found = client.images(golden.REPOSITORY, filters={"label": f"{MARK}=yes"})
    return {tag for one in found for tag in one["RepoTags"]}


def test_what_nobody_needs_goes_and_everything_else_stays(client: docker.APIClient, tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    unused, of_job, started = (image(client, f"{MARK}-{name}", mine) for name in ("unused", "of-job", "started"))
    foreign = image(client, f"{MARK}-foreign", other)
    client.create_container(started, ["nothing"], labels={MARK: "yes"})
    store = Store(mine / "datasets")

    found = golden_images.unused(client, mine, store, [], [of_job], "sandbox-suite/no-such-image")
    assert [tag for tag, _ in found] == [unused]
    assert golden_images.remove(client, found) == found
    assert golden_images.remove(client, found) == [], "it is gone already"
    assert golden_images.remove(client, [(started, 0)]) == [], "a container starts from it"
    assert there(client) == {of_job, started, foreign}
