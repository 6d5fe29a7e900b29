"""Choosing a free subnet: each sandbox has its own small one, out of a configured range."""

import hashlib
import ipaddress
from collections.abc import Iterable

from sandbox_suite.core.errors import InfrastructureError

OVERLAP = "Pool overlaps"  # what the engine says when somebody was quicker


def free(taken: Iterable[str], among: str, prefix: int, job: str) -> str:
    """Return a subnet of `among` that overlaps none of `taken`.

    Where the search begins depends on the job, so two that look at the same moment rarely meet; the engine refuses
    the later of two that do, and it looks again.
    """
    everything = ipaddress.IPv4Network(among)
    if not everything.prefixlen <= prefix <= 29:
        raise InfrastructureError(
            f"no /{prefix} fits into {among} with room for three containers",
            remedy="set `subnets` to a wider range, or `subnet_prefix` to 29 at most, in config/settings.yaml",
        )
    used = sorted(_spans(taken, everything))
    count, size = 1 << (prefix - everything.prefixlen), 1 << (32 - prefix)
    start = int.from_bytes(hashlib.sha256(job.encode()).digest()[:8]) % count
    for step in range(count):
        low = int(everything.network_address) + (start + step) % count * size
        if not any(first < low + size and low <= last for first, last in used):
            return f"{ipaddress.IPv4Address(low)}/{prefix}"
    raise InfrastructureError(
        f"all {count} subnets of {among} are in use",
        remedy="destroy sandboxes (`./invoke sandbox.list`) or widen `subnets` in config/settings.yaml",
    )


def _spans(taken: Iterable[str], within: ipaddress.IPv4Network) -> Iterable[tuple[int, int]]:
    for one in taken:
        network = ipaddress.ip_network(one, strict=False)
        if isinstance(network, ipaddress.IPv4Network) and network.overlaps(within):
            yield int(network.network_address), int(network.broadcast_address)
