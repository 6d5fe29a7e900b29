"""The environment as it was provisioned against what was found when everything had run. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox_suite.reports.facts import Fact

MIB = 1 << 20
SHORT = 12  # characters of an engine's id that people know it by


def found(container: Mapping[str, Any]) -> dict[str, str]:
    """Return what the engine says of a container (its `inspect`), as facts by name."""
    state, host = container.get("State") or {}, container.get("HostConfig") or {}
    config = container.get("Config") or {}
    networks = (container.get("NetworkSettings") or {}).get("Networks") or {}
    return {
        "container": str(container.get("Id", ""))[:SHORT],
        "image": str(config.get("Image", "")),
        "image id": str(container.get("Image", "")).removeprefix("sha256:")[:SHORT],
        "state": str(state.get("Status", "")),
        "restarts": str(container.get("RestartCount", 0)),
        "killed for memory": "yes" if state.get("OOMKilled") else "no",
        "user": str(config.get("User", "")),
        "networks": ", ".join(sorted(networks)),
        **_limits(host),
    }


def _limits(host: Mapping[str, Any]) -> dict[str, str]:
    return {
        "CPUs": f"{(host.get('NanoCpus') or 0) / 1e9:g}",
        "memory": f"{(host.get('Memory') or 0) // MIB} MiB",
        "processes": str(host.get("PidsLimit") or 0),
        "root": "read only" if host.get("ReadonlyRootfs") else "writable",
    }


def facts(
    provisioned: Mapping[str, Any], limits: Mapping[str, Mapping[str, Any]], later: Mapping[str, Mapping[str, str]]
) -> tuple[Fact, ...]:
    """Compare, part by part: `provisioned` are the stack's outputs, `limits` the plan's, `later` what was found."""
    containers = provisioned.get("containers") or {}
    network = str(provisioned.get("network", ""))
    return tuple(
        fact
        for part, container in containers.items()
        for fact in _part(part, _before(container, network, limits.get(part, {})), later.get(part))
    )


def _before(container: Mapping[str, Any], network: str, limits: Mapping[str, Any]) -> dict[str, str]:
    planned = {
        "container": str(container.get("id", ""))[:SHORT],
        "image": str(container.get("image", "")),
        "state": "running",
        "restarts": "0",
        "killed for memory": "no",
        "user": str(container.get("user", "")),
        "networks": network,
    }
    if not limits:
        return planned
    return planned | {
        "CPUs": f"{limits.get('cpus', 0):g}",
        "memory": f"{limits.get('memory_mb', 0)} MiB",
        "processes": str(limits.get("pids", 0)),
        "root": "read only" if limits.get("read_only") else "writable",
    }


def _part(part: str, before: Mapping[str, str], after: Mapping[str, str] | None) -> Iterator[Fact]:
    for name in dict.fromkeys([*before, *(after or {})]):
        yield Fact(part, name, before.get(name, ""), None if after is None else str(after.get(name, "")))
