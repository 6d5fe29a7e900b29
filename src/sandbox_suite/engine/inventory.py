"""What of ours the engine holds: containers, networks and volumes, found by label."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sandbox_suite.engine import labels

if TYPE_CHECKING:
    import docker

Kind = Literal["container", "network", "volume"]


@dataclass(frozen=True)
class Item:
    """One thing the engine holds that carries our labels."""

    kind: Kind
    name: str
    id: str  # a volume's is its name
    job: str
    tenant: str
    part: str  # empty for networks and volumes
    expires_at: str  # ISO 8601, UTC
    state: str = ""  # of a container: created, running, exited, ...
    subnet: str = ""  # of a network

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def items(client: "docker.APIClient", installation: str, job: str = "") -> list[Item]:
    """Return all that belongs to an installation (or one job of it): containers, then networks, then volumes."""
    return [
        *containers(client, installation, job),
        *networks(client, installation, job),
        *volumes(client, installation, job),
    ]


def containers(client: "docker.APIClient", installation: str, job: str = "") -> list[Item]:
    """Return the containers, stopped ones too."""
    found = client.containers(all=True, filters=labels.filters(installation, job))
    return [
        _item("container", (one["Names"] or ["/" + one["Id"]])[0].lstrip("/"), one["Id"], one, state=one["State"])
        for one in found
    ]


def networks(client: "docker.APIClient", installation: str, job: str = "") -> list[Item]:
    """Return the networks, each with its first subnet."""
    found = client.networks(filters=labels.filters(installation, job))
    return [_item("network", one["Name"], one["Id"], one, subnet=next(subnets(one), "")) for one in found]


def volumes(client: "docker.APIClient", installation: str, job: str = "") -> list[Item]:
    """Return the volumes."""
    found = client.volumes(filters=labels.filters(installation, job))["Volumes"] or []
    return [_item("volume", one["Name"], one["Name"], one) for one in found]


def subnets(network: Mapping[str, Any]) -> Iterator[str]:
    """Yield the subnets of a network as the engine lists it."""
    for pool in (network.get("IPAM") or {}).get("Config") or []:
        if pool.get("Subnet"):
            yield pool["Subnet"]


def _item(kind: Kind, name: str, id_: str, one: Mapping[str, Any], state: str = "", subnet: str = "") -> Item:
    found = one.get("Labels") or {}
    return Item(
        kind=kind,
        name=name,
        id=id_,
        job=found.get(labels.JOB, ""),
        tenant=found.get(labels.TENANT, ""),
        part=found.get(labels.PART, ""),
        expires_at=found.get(labels.EXPIRES_AT, ""),
        state=state,
        subnet=subnet,
    )
