"""A golden database as a value."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

# image: committed, copied into memory at a sandbox's start. reflink, copy: a volume, cloned into one of the sandbox's.
Backend = Literal["image", "reflink", "copy"]
Setting = Literal["auto", "image", "reflink", "copy"]


@dataclass(frozen=True)
class Golden:
    """One golden database, and how sandboxes get their clones of it."""

    key: str  # the cache key
    backend: Backend
    image: str  # what a sandbox's database starts from
    volume: str = ""  # holds the cluster that clones are made of; empty: the image holds it

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON keeps it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read it back."""
        return cls(**values)
