"""What a sandbox is made of: the configuration of the program, as plain values."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

PARTS = ("database", "plugin", "runner")
USERS = {"database": "postgres", "plugin": "powerx", "runner": "runner"}


@dataclass(frozen=True)
class PartLimits:
    """What one container may use, and how it is confined. The defaults of the confinement are the hardened ones."""

    cpus: float  # cores
    memory_mb: int  # of the container, its tmpfs included; there is no swap on top
    pids: int  # processes and threads
    tmpfs_mb: int  # of the part's own folder in memory: cluster, plugin, scripts and results
    tmp_mb: int = 64  # of /tmp, where the part's own folder is another one
    read_only: bool = True  # root file system
    cap_drop: tuple[str, ...] = ("ALL",)
    no_new_privileges: bool = True
    network: Literal["sandbox", "none"] = "sandbox"


@dataclass(frozen=True)
class StackSpec:
    """One sandbox."""

    job: str
    tenant: str
    installation: str
    expires_at: str  # ISO 8601, UTC
    images: Mapping[str, str]  # part -> reference
    parts: Mapping[str, PartLimits]  # part -> limits
    subnet: str = ""  # of the network; empty: `up` chooses a free one
    internal: bool = True  # no way out of the network
    cluster: str = (
        ""  # volume of this sandbox that holds its database's cluster; empty: in memory, a copy of the image's
    )

    @property
    def name(self) -> str:
        """Return the name of the network, and the beginning of every container's."""
        return f"sbx-{self.job}"

    @property
    def stack(self) -> str:
        """Return the name of the stack."""
        return f"sandbox-{self.job}"

    def as_dict(self) -> dict[str, Any]:
        """Return the spec as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the spec that `as_dict` wrote; unknown keys and missing ones raise TypeError."""
        parts = {part: _limits(limits) for part, limits in values["parts"].items()}
        return cls(**{**values, "parts": parts})

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the spec in a JSON text, or in the file that the text names."""
        inline = text.lstrip().startswith("{")
        return cls.from_dict(json.loads(text if inline else Path(text).read_text()))


def _limits(values: Mapping[str, Any]) -> PartLimits:
    return PartLimits(**{**values, "cap_drop": tuple(values.get("cap_drop", ("ALL",)))})
