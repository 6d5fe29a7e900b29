"""What a sandbox is made of. The shape is the Pulumi program's own; here it is judged and described."""

import ipaddress
import re
from collections.abc import Iterator

from infra.spec import PARTS, USERS, PartLimits, StackSpec
from sandbox_suite.core.errors import RequestError

__all__ = ["PARTS", "USERS", "PartLimits", "StackSpec", "check", "describe"]

JOB = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")  # ends up in the names of stack, containers and network
MEBIBYTES_AT_LEAST = 6  # what the Docker engine takes as a container's memory


def check(spec: StackSpec) -> None:
    """Raise RequestError with every mistake of a spec."""
    mistakes = list(_mistakes(spec))
    if mistakes:
        raise RequestError("\n".join(mistakes), remedy="correct the resource policy or the request")


def describe(spec: StackSpec) -> list[str]:
    """Return what `up` would create, a line each; touches nothing."""
    way_out = "no way out" if spec.internal else "with a way out"
    lines = [f"network {spec.name} ({spec.subnet or 'a free subnet'}, {way_out})"]
    for part in PARTS:
        limits = spec.parts[part]
        lines.append(
            f"container {spec.name}-{part} from {spec.images[part]}: {limits.cpus:g} CPUs, {limits.memory_mb} MB, "
            f"{limits.pids} processes, {limits.tmpfs_mb} MB in memory{_loosened(limits)}"
        )
    lines += [f"volume {spec.cluster}, a clone of the golden database"] if spec.cluster else []
    return lines


def _loosened(limits: PartLimits) -> str:
    """Return what the policy takes away from the hardening, so that a plan shows it."""
    given = [
        words
        for words, off in (
            ("writable root", not limits.read_only),
            (f"drops only {', '.join(limits.cap_drop) or 'no'} capabilities", limits.cap_drop != ("ALL",)),
            ("may gain privileges", not limits.no_new_privileges),
            ("no network", limits.network == "none"),
        )
        if off
    ]
    return f" ({', '.join(given)})" if given else ""


def _mistakes(spec: StackSpec) -> Iterator[str]:
    if not JOB.fullmatch(spec.job):
        yield f"job `{spec.job}`: lower-case letters, digits and `-`, at most 40"
    for name in ("tenant", "installation", "expires_at"):
        if not getattr(spec, name):
            yield f"`{name}` is empty"
    for part in PARTS:
        if not spec.images.get(part):
            yield f"part `{part}` has no image"
        if part in spec.parts:
            yield from _limit_mistakes(part, spec.parts[part])
        else:
            yield f"part `{part}` has no limits"
    yield from (f"unknown part `{part}`" for part in sorted({*spec.images, *spec.parts} - set(PARTS)))
    if spec.subnet:
        try:
            ipaddress.ip_network(spec.subnet)
        except ValueError as error:
            yield f"subnet: {error}"


def _limit_mistakes(part: str, limits: PartLimits) -> Iterator[str]:
    for name in ("cpus", "memory_mb", "pids", "tmpfs_mb", "tmp_mb"):
        if getattr(limits, name) <= 0:
            yield f"part `{part}`: `{name}` must be above zero"
    if 0 < limits.memory_mb < MEBIBYTES_AT_LEAST:
        yield f"part `{part}`: `memory_mb` must be at least {MEBIBYTES_AT_LEAST}"
