"""What every container of a sandbox has in common: limits, confinement, labels, its name on the network."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_docker as docker

from infra.components.labels import labels
from infra.spec import USERS, StackSpec

TMPFS = "rw,noexec,nosuid,nodev"  # scripts there are read by interpreters, never executed


def tmpfs(megabytes: int, owner: int | None = None) -> str:
    """Return the options of a folder in memory, private to `owner` where one is given."""
    private = f",mode=0700,uid={owner},gid={owner}" if owner is not None else ",mode=1777"
    return f"{TMPFS},size={megabytes}m{private}"


def container(
    part: str,
    *,
    spec: StackSpec,
    network: docker.Network,
    command: Sequence[str],
    folders: Mapping[str, str],
    parent: pulumi.Resource,
    environment: Mapping[str, str] | None = None,
    volumes: Mapping[str, str] | None = None,
) -> docker.Container:
    """Return the container of a part, hardened as its limits say.

    `folders` are its tmpfs mounts with their options, `volumes` (name -> place) those of the sandbox's own.
    """
    limits, name = spec.parts[part], f"{spec.name}-{part}"
    attached = limits.network == "sandbox"
    return docker.Container(
        name,
        name=name,
        image=spec.images[part],
        hostname=part,
        user=USERS[part],
        command=list(command),
        envs=[f"{key}={value}" for key, value in (environment or {}).items()],
        init=True,  # a first process that ignores SIGTERM makes every stop wait ten seconds
        cpus=f"{limits.cpus:g}",
        memory=limits.memory_mb,
        memory_swap=limits.memory_mb,
        read_only=limits.read_only,
        capabilities=docker.ContainerCapabilitiesArgs(drops=list(limits.cap_drop)) if limits.cap_drop else None,
        security_opts=["no-new-privileges:true"] if limits.no_new_privileges else None,
        tmpfs=dict(folders),
        volumes=[
            docker.ContainerVolumeArgs(volume_name=volume, container_path=place)
            for volume, place in (volumes or {}).items()
        ]
        or None,
        # Peers are found by the engine's own answers. Names outside would be asked of the host's resolver, where that
        # listens on loopback: a way out of an internal network (CVE-2024-29018). Nobody listens here.
        dns=["127.0.0.1"] if spec.internal else None,
        # Named in both places: else one of the providers starts the container on the default bridge first.
        network_mode=network.name if attached else "none",
        networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=network.name, aliases=[part])]
        if attached
        else None,
        labels=[docker.ContainerLabelArgs(label=key, value=value) for key, value in labels(spec, part).items()],
        must_run=True,
        restart="no",
        opts=pulumi.ResourceOptions(parent=parent),
    )
