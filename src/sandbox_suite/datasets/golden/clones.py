"""A sandbox's own clone of a golden volume: a volume too, gone with the sandbox."""

import contextlib
from collections.abc import Mapping
from typing import Any

from sandbox_suite.core.errors import InfrastructureError, RequestError
from sandbox_suite.datasets.golden.model import Golden
from sandbox_suite.datasets.golden.names import CLUSTER, FOLDER
from sandbox_suite.datasets.golden.volumes import hardened

SOURCE = "/data/golden"
SECONDS = 600
MODES = {"reflink": "always", "copy": "auto"}
# A clone that was cut short never carries the final name; one that is whole may have been written to, and stays.
SCRIPT = """set -eu
[ ! -e {cluster} ] || exit 0
rm -rf {cluster}.new
cp -a --reflink={mode} {source}/pg {cluster}.new
mv {cluster}.new {cluster}
"""


def clone(golden: Golden, client: Any, volume: str, labels: Mapping[str, str]) -> None:
    """Make `volume` a clone of a golden volume, unless it is one already; the labels are the sandbox's.

    RequestError: the file system has no reflinks, and the setting insists on them.
    """
    client = getattr(client, "api", client)
    client.create_volume(volume, labels=dict(labels))
    script = SCRIPT.format(cluster=CLUSTER, source=SOURCE, mode=MODES[golden.backend])
    mounts = {golden.volume: f"{SOURCE}:ro", volume: FOLDER}
    code, said = run(client, golden.image, script, mounts, f"{volume}-clone", labels)
    if code:
        raise _refused(golden, code, said)


def run(
    client: Any, image: str, script: str, mounts: Mapping[str, str], name: str, labels: Mapping[str, str]
) -> tuple[int, str]:
    """Run a script on volumes to its end, in a container of that name; return its exit code and its last words."""
    import docker

    with contextlib.suppress(docker.errors.NotFound):  # of a killed run
        client.remove_container(name, force=True)
    container = hardened(client, image, script, mounts, name=name, labels=dict(labels))
    try:
        client.start(container)
        code = client.wait(container, timeout=SECONDS)["StatusCode"]
        return code, client.logs(container, tail=3).decode(errors="replace").strip() if code else ""
    finally:
        client.remove_container(container, force=True)


def _refused(golden: Golden, code: int, said: str) -> Exception:
    if golden.backend == "reflink" and "failed to clone" in said:
        return RequestError(
            "the file system of the engine's volumes has no reflinks",
            left="no clone was made",
            remedy="set `golden: {clone: auto}` in config/datasets.yaml",
        )
    return InfrastructureError(
        f"no clone of golden database {golden.key} was made: exit code {code}: {said}",
        left="the golden database is as it was",
    )
