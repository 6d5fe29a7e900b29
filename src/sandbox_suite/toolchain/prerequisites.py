"""Looking at what a machine has and lacks; touches nothing."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from sandbox_suite.core.settings import Settings
from sandbox_suite.toolchain import apt, docker_engine, images, ping, pulumi_engine, sources

WORKING_BYTES = 100 << 20  # below this much free space no job is started
WANTED_BYTES = 2 << 30  # for datasets, goldens and reports


@dataclass(frozen=True)
class Prerequisite:
    """One thing a sandbox needs: whether it is there, or what to do about it."""

    name: str
    found: bool
    version: str  # empty where it has none or is missing
    where: str  # address, path or references
    remedy: str  # empty where it was found


def look(settings: Settings) -> tuple[Prerequisite, ...]:
    """Return each prerequisite; one that only serves to prepare another is left out when that is there."""
    docker, pulumi, built = _docker(), _pulumi(settings), _images()
    helpers = [] if pulumi.found else [_go()]
    if not built.found and not settings.registry and not shutil.which("mmdebstrap"):
        helpers.append(_mmdebstrap())
    return (docker, pulumi, built, *helpers, _disk(settings.home))


def free_bytes(folder: Path) -> int:
    """Return the free space where `folder` is, or would be made."""
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    return shutil.disk_usage(existing).free


def _docker() -> Prerequisite:
    try:
        return Prerequisite("docker engine", True, ping.version(), ping.docker_host(), "")
    except OSError:
        return Prerequisite("docker engine", False, "", ping.docker_host(), docker_engine.remedy())


def _pulumi(settings: Settings) -> Prerequisite:
    found = pulumi_engine.find(settings)
    if found:
        return Prerequisite("pulumi engine", True, pulumi_engine.version(), str(found), "")
    return Prerequisite("pulumi engine", False, "", str(pulumi_engine.cached(settings)), pulumi_engine.remedy())


def _images() -> Prerequisite:
    references = images.references()
    try:
        lacking = images.missing()
    except OSError:
        return Prerequisite("images", False, "", ", ".join(references.values()), "they need the Docker engine first")
    if lacking:
        where = ", ".join(references[part] for part in lacking)
        return Prerequisite("images", False, "", where, "`./invoke ops.setup` fetches or builds them")
    return Prerequisite("images", True, "", ", ".join(references.values()), "")


def _go() -> Prerequisite:
    found, wanted = pulumi_engine.go_version(), ".".join(map(str, pulumi_engine.GO))
    version = ".".join(map(str, found)) if found else ""
    remedy = f"put Go >= {wanted} on PATH: it builds the Pulumi engine where Pulumi's installer cannot be reached"
    enough = found is not None and found >= pulumi_engine.GO
    return Prerequisite("go", enough, version, shutil.which("go") or "", "" if enough else remedy)


def _mmdebstrap() -> Prerequisite:
    remedy = "`./invoke ops.setup` installs it" if apt.possible() else "install mmdebstrap"
    remedy += f"; only needed where no registry has Debian {sources.RELEASE}"
    return Prerequisite("mmdebstrap", False, "", "", remedy)


def _disk(home: Path) -> Prerequisite:
    free = free_bytes(home)
    enough = free >= WANTED_BYTES
    remedy = f"free space on the disk of {home}, or set SANDBOX_HOME to a folder on another one"
    return Prerequisite("disk", enough, f"{free / 2**30:.1f} GiB free", str(home), "" if enough else remedy)
