"""What every resource is: create, read, update, delete on the engine."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox_suite.engine.labels import URN

if TYPE_CHECKING:
    import docker

Inputs = Mapping[str, Any]


class OwnershipError(Exception):
    """Something of that name is there and is not ours."""


class StartError(Exception):
    """A container that must run ended at once."""


@dataclass(frozen=True)
class Found:
    """What a resource is on the engine: its id, its inputs as they are now, and its further outputs."""

    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]


class Resource(ABC):
    """One kind of resource."""

    def __init__(self, client: "docker.APIClient") -> None:
        self.client = client

    @abstractmethod
    def create(self, inputs: Inputs, urn: str) -> Found:
        """Make it. One that is there with the same URN was left by a killed run, and is taken over."""

    @abstractmethod
    def read(self, id_: str, inputs: Inputs) -> Found | None:
        """Return what it is now; None where it is gone."""

    def update(self, id_: str, inputs: Inputs) -> None:  # noqa: B027 - what has nothing to update inherits this
        """Change it in place."""

    @abstractmethod
    def delete(self, id_: str, inputs: Inputs) -> None:
        """Remove it; NotFound is fine."""


def owned(kind: str, name: str, found: Mapping[str, str] | None) -> str:
    """Return who owns the thing whose name is wanted."""
    owner = (found or {}).get(URN)
    by = f"belongs to {owner}" if owner else "was not made by Pulumi"
    return f"{kind} `{name}` is there already and {by}: remove it, or choose another name"
