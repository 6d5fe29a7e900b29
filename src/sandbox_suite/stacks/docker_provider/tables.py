"""What this provider knows of each resource: its inputs, which of them replace it, which are changed in place.

Replacement is as the official provider has it, but for `init` and `tmpfs` of a container: that one takes a change of
them into its state and leaves the container as it was; this one replaces it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Table:
    """One resource. Names are the SDK's, in camel case."""

    required: frozenset[str]
    replaces: frozenset[str]  # a change makes a new one
    updates: frozenset[str] = frozenset()  # a change is made in place, on the engine
    settings: frozenset[str] = frozenset()  # of the provider's own doing: a change is kept in the state
    nested: Mapping[str, frozenset[str]] = field(default_factory=dict)  # input -> the keys of its objects

    @property
    def inputs(self) -> frozenset[str]:
        """Return every input that is known."""
        return self.replaces | self.updates | self.settings


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


LABEL = _names("label value")

CONTAINER = Table(
    required=_names("image name"),
    replaces=_names(
        """capabilities command cpus dns dnsOpts dnsSearches domainname entrypoints envs groupAdds hostname image init
        ipcMode labels name networkMode networksAdvanced pidMode privileged readOnly runtime securityOpts shmSize
        stdinOpen stopSignal stopTimeout sysctls tmpfs tty ulimits user usernsMode volumes workingDir"""
    ),
    updates=_names("cpuPeriod cpuQuota cpuSet cpuShares maxRetryCount memory memoryReservation memorySwap restart"),
    settings=_names("destroyGraceSeconds mustRun removeVolumes start"),
    nested={
        "capabilities": _names("adds drops"),
        "labels": LABEL,
        "networksAdvanced": _names("aliases ipv4Address name"),
        "ulimits": _names("hard name soft"),
        "volumes": _names("containerPath hostPath readOnly volumeName"),
    },
)

NETWORK = Table(
    required=_names("name"),
    replaces=_names("attachable driver internal ipamConfigs ipamDriver ipamOptions ipv6 labels name options"),
    nested={"ipamConfigs": _names("auxAddress gateway ipRange subnet"), "labels": LABEL},
)

VOLUME = Table(
    required=_names("name"),
    replaces=_names("driver driverOpts labels name"),
    nested={"labels": LABEL},
)

# Looked up only: an image is neither pulled nor removed.
IMAGE = Table(
    required=_names("keepLocally name"),
    replaces=_names("name"),
    settings=_names("keepLocally"),
)

TABLES = {
    "docker:index/container:Container": CONTAINER,
    "docker:index/network:Network": NETWORK,
    "docker:index/volume:Volume": VOLUME,
    "docker:index/remoteImage:RemoteImage": IMAGE,
}
