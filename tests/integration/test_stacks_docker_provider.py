"""The embedded Docker provider on a real engine, and beside the official one where that is found."""

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import pytest

from sandbox_suite import engine
from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.progress import silent
from sandbox_suite.core.settings import CHECKOUT, load
from sandbox_suite.engine import removal
from sandbox_suite.engine.labels import INSTALLATION, JOB
from sandbox_suite.stacks import stack
from sandbox_suite.stacks.docker_provider.base import OwnershipError, StartError
from sandbox_suite.stacks.docker_provider.container import Container
from sandbox_suite.stacks.docker_provider.resources import Network, RemoteImage, Volume
from sandbox_suite.stacks.spec import PARTS, PartLimits, StackSpec
from sandbox_suite.stacks.workspace import PLUGIN, Provider
from sandbox_suite.toolchain import images, pulumi_path

pytestmark = pytest.mark.docker

RUN = f"test-{secrets.token_hex(4)}"
LABELS = [{"label": INSTALLATION, "value": RUN}, {"label": JOB, "value": RUN}]


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    try:
        found = engine.client()
    except InfrastructureError as error:
        pytest.skip(f"no Docker engine: {error.explanation.what}")
    yield found
    removal.sweep(found, RUN, RUN)


@pytest.fixture(scope="module")
def image(client: Any) -> str:
    images.prepare(load(CHECKOUT / "absent.yaml", dict(os.environ)), silent)
    return images.references()["runner"]


def named(**inputs: Any) -> dict[str, Any]:
    return {"name": f"{RUN}-{secrets.token_hex(3)}", "labels": LABELS, **inputs}


def idle(image: str, **inputs: Any) -> dict[str, Any]:
    return named(image=image, command=["sleep", "infinity"], init=True, networkMode="none", **inputs)


def test_a_container_left_by_a_killed_run_is_made_anew_and_a_foreign_one_is_not_touched(
    client: Any, image: str
) -> None:
    kind, inputs = Container(client), idle(image)
    left = kind.create(inputs, "urn:mine")
    again = kind.create(inputs, "urn:mine")
    assert again.id != left.id
    with pytest.raises(OwnershipError, match="belongs to urn:mine"):
        kind.create(inputs, "urn:other")
    assert kind.read(again.id, inputs) is not None
    kind.delete(again.id, inputs)


def test_a_network_left_by_a_killed_run_is_taken_over(client: Any) -> None:
    kind, inputs = Network(client), named(internal=True, driver="bridge")
    left = kind.create(inputs, "urn:mine")
    assert kind.create(inputs, "urn:mine").id == left.id
    with pytest.raises(OwnershipError, match="belongs to urn:mine"):
        kind.create(inputs, "urn:other")
    kind.delete(left.id, inputs)


def test_a_container_that_stands_still_counts_as_gone_unless_it_may(client: Any, image: str) -> None:
    kind, inputs = Container(client), idle(image)
    made = kind.create(inputs, "urn:mine")
    client.kill(made.id)
    assert kind.read(made.id, inputs) is None
    assert kind.read(made.id, {**inputs, "mustRun": False}) is not None
    kind.delete(made.id, inputs)


def test_a_container_that_ends_at_once_is_told_with_its_last_words_and_removed(client: Any, image: str) -> None:
    inputs = idle(image) | {"command": ["absent-command"], "init": False}
    with pytest.raises((StartError, docker.errors.APIError), match="absent-command"):
        Container(client).create(inputs, "urn:mine")
    with pytest.raises(docker.errors.NotFound):
        client.inspect_container(inputs["name"])


def test_what_somebody_changed_on_a_container_is_read_back(client: Any, image: str) -> None:
    network = Network(client).create(named(internal=True), "urn:network")
    attached = [{"name": network.inputs["name"], "aliases": ["a"]}]
    kind = Container(client)
    inputs = idle(image) | {"memory": 64, "memorySwap": 64, "restart": "no", "cpuShares": 512}
    inputs |= {"networkMode": network.inputs["name"], "networksAdvanced": attached}
    made = kind.create(inputs, "urn:mine")
    unchanged = kind.read(made.id, inputs)
    assert unchanged is not None
    assert unchanged.inputs == inputs

    client.update_container(made.id, mem_limit="80m", memswap_limit="80m", cpu_shares=256)
    client.disconnect_container_from_network(made.id, network.id)
    found = kind.read(made.id, inputs)
    assert found is not None
    changed = {key: value for key, value in found.inputs.items() if value != inputs[key]}
    assert changed == {"memory": 80, "memorySwap": 80, "cpuShares": 256, "networksAdvanced": []}

    kind.update(made.id, inputs)
    host = client.inspect_container(made.id)["HostConfig"]
    assert (host["Memory"], host["CpuShares"]) == (64 << 20, 512)
    kind.delete(made.id, inputs)
    Network(client).delete(network.id, network.inputs)


def test_a_container_joins_further_networks_and_mounts_volumes(client: Any, image: str) -> None:
    nets = [Network(client).create(named(internal=True), f"urn:{number}") for number in range(2)]
    volume = Volume(client).create(named(), "urn:volume")
    inputs = idle(image, volumes=[{"volumeName": volume.id, "containerPath": "/v"}])
    inputs |= {"networkMode": nets[0].inputs["name"]}
    inputs |= {"networksAdvanced": [{"name": one.inputs["name"], "aliases": ["a"]} for one in nets]}
    made = Container(client).create(inputs, "urn:mine")
    assert {one["networkName"] for one in made.outputs["networkDatas"]} == {one.inputs["name"] for one in nets}
    assert client.inspect_container(made.id)["Mounts"][0]["Name"] == volume.id
    Container(client).delete(made.id, inputs)
    for one in nets:
        Network(client).delete(one.id, one.inputs)
    Volume(client).delete(volume.id, volume.inputs)


def test_a_volume_of_another_is_not_taken_over(client: Any) -> None:
    kind, inputs = Volume(client), named()
    made = kind.create(inputs, "urn:mine")
    assert kind.create(inputs, "urn:mine").id == made.id
    with pytest.raises(OwnershipError, match="belongs to urn:mine"):
        kind.create(inputs, "urn:other")
    kind.delete(made.id, inputs)


def test_an_image_is_looked_up_and_left(client: Any, image: str) -> None:
    kind, inputs = RemoteImage(client), {"name": image, "keepLocally": True}
    found = kind.create(inputs, "urn:mine")
    kind.delete(found.id, inputs)
    assert client.inspect_image(image)["Id"] == found.outputs["imageId"]
    with pytest.raises(docker.errors.NotFound):
        kind.create({"name": "sandbox-suite/absent:0", "keepLocally": True}, "urn:mine")


def test_a_plugin_that_an_engine_started_ends_when_the_engine_is_killed(client: Any, tmp_path: Path) -> None:
    said = tmp_path / "said"
    script = f'"{PLUGIN}/pulumi-resource-docker" >"{said}" & echo $! >"{tmp_path}/pid"; wait'
    parent = subprocess.Popen(["sh", "-c", script], env={**os.environ, "SANDBOX_PYTHON": sys.executable})
    _until(lambda: said.exists() and said.read_text().endswith("\n"))
    assert int(said.read_text()) > 0
    child = Path("/proc") / (tmp_path / "pid").read_text().strip()
    assert "docker_provider" in (child / "cmdline").read_text()
    parent.kill()
    parent.wait()
    _until(lambda: not child.exists() or " Z " in (child / "stat").read_text())


def test_both_providers_make_the_same_sandbox(client: Any, tmp_path: Path) -> None:
    if not _official_is_found():
        pytest.skip("the official Docker provider is on no PATH and in no ~/.pulumi/plugins of this machine")
    made: dict[str, Any] = {}
    for provider in ("embedded", "official"):
        made[provider] = _facts(client, provider, tmp_path / provider)
    assert made["embedded"] == made["official"]


def _facts(client: Any, provider: Provider, home: Path) -> dict[str, Any]:
    """Return what `docker inspect` says of a sandbox made on a provider, without what differs from run to run."""
    settings = load(CHECKOUT / "absent.yaml", {"SANDBOX_HOME": str(home)})
    pulumi = pulumi_path(load(CHECKOUT / "absent.yaml", dict(os.environ)))
    limits = PartLimits(cpus=0.5, memory_mb=256, pids=90, tmpfs_mb=96)
    refs = {part: reference for part, reference in images.references().items() if part in PARTS}
    spec = StackSpec(RUN, "acme", RUN, "2026-01-01T00:00:00.000Z", refs, dict.fromkeys(PARTS, limits), "10.214.79.0/28")
    folder = settings.job(RUN)
    stack.up(folder, spec, pulumi, provider, settings=settings)
    try:
        found = {}
        for part in PARTS:
            there = client.inspect_container(f"{spec.name}-{part}")
            labels = {key: value for key, value in there["Config"]["Labels"].items() if key != "pulumi.urn"}
            found[part] = {
                "host": {key: value or None for key, value in there["HostConfig"].items()},
                "config": {key: value or None for key, value in there["Config"].items()} | {"Labels": labels},
                "networks": list(there["NetworkSettings"]["Networks"]),
            }
        stack.up(folder, spec, pulumi, provider, settings=settings)
        return found
    finally:
        stack.destroy(folder, RUN, pulumi, provider, installation=RUN, settings=settings)


def _official_is_found() -> bool:
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    return bool(shutil.which("pulumi-resource-docker")) or any((home / "plugins").glob("resource-docker-v*"))


def _until(true: Any, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while True:
        with suppress(OSError):
            if true():
                return
        assert time.monotonic() < end
        time.sleep(0.02)
